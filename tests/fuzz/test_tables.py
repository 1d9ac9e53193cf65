"""Tables of any bytes: rows or one line that says why not, each row once, and what csv and JSON write is read back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.documents.layout import Asked, Notes
from tasks.documents.layouts.table import TableLayout
from tasks.documents.missing import ALWAYS as MISSING
from tasks.documents.record import Record
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tests.fuzz.bounded import bounded, pieces, refused

SUFFIXES = st.sampled_from([".csv", ".tsv", ".txt", ".jsonl"])
WIDE = ["utf-16", "utf-16-be", "utf-32", "cp037"]
STATEFUL = ["utf-7", "hz", "iso2022_jp", "idna", "punycode", "unicode_escape", "raw_unicode_escape"]
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252", "gb18030", "shift_jis", *WIDE, *STATEFUL])
COLUMNS = st.sampled_from(["text", "label", "0", "1", "7", "999999", " ", '"', "té"])
BYTES = pieces(
    b'text,label\n|text\tlabel\n|{"text": "a", "label": "b"}\n|["a", "b"]\n|\n|\t| |\r\n|\r|\0|\xff|\xef\xbb\xbf|\xff\xfe|'
    b'\xc3\xa9|\x1b$B|\x1f\x8b|{"text":|"|""|,|[|{|}|1e999|@|a|\\|\\ud83d|+ADw-|xn--|NaN,|a,b|' + b"9" * 5000
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples, which are many."""
    return tmp_path_factory.mktemp("tables")


def read(path: Path, data: bytes, **options: object) -> list[Record] | None:
    """The records of a table; None if it is refused in one line."""
    path.write_bytes(data)
    config = IngestConfig.model_validate(options)
    try:
        return list(TableLayout(Asked(path, config.reading)).records(Notes()))
    except RequestError as error:
        refused(error)
        return None


OPTIONS = st.fixed_dictionaries(
    {"encoding": ENCODINGS, "text": COLUMNS, "label": COLUMNS},
    optional={"header": st.booleans(), "delimiter": st.sampled_from([",", "@", "\t", "\\t", "::"])},
)


@pytest.mark.filterwarnings(
    "ignore:.*invalid.*escape:DeprecationWarning"
)  # of unicode_escape, which keeps what it does not know
@example(b"\x80", ".csv", {"encoding": "punycode", "text": "text", "label": "label"})
@example(b"\x80", ".csv", {"encoding": "idna", "text": "text", "label": "label"})
@given(BYTES, SUFFIXES, OPTIONS)
def test_any_bytes(folder: Path, data: Any, suffix: str, options: Any) -> None:
    with bounded(len(data)):
        records = read(folder / f"a{suffix}", data, max_chars=500, **options)
    assert len({record.id for record in records or ()}) == len(records or ())
    for record in records or ():
        assert (record.text is None) == (record.reason is not None)
        assert 0 <= record.offset <= len(data)
        assert record.data[:20] in data or b"\n" in record.data or b"\r" in record.data


CELLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() not in MISSING and not text.startswith("__label__")
)
ENDS = st.sampled_from(["\n", "\r\n"])


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), ENDS, st.sampled_from([".csv", ".tsv"]))
def test_what_csv_writes_is_read_back(folder: Path, rows: Any, end: str, suffix: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL, delimiter="," if suffix == ".csv" else "\t")
    writer.writerows([("text", "label"), *rows])
    found = read(folder / f"b{suffix}", out.getvalue().encode())
    if end == "\r\n" or not any("\r\n" in cell for row in rows for cell in row):  # inside quotes line ends are the file's own
        rows = [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows]
        assert [(record.text, record.label) for record in found] == [(text, label.strip()) for text, label in rows]
    assert found is not None
    assert len(found) == len(rows)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.booleans())
def test_what_json_writes_is_read_back(folder: Path, rows: Any, ascii_: bool) -> None:
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=ascii_) + "\n" for text, label in rows]
    found = read(folder / "b.jsonl", "".join(lines).encode())
    assert [(record.text, record.label) for record in found] == [(text, label.strip()) for text, label in rows]
