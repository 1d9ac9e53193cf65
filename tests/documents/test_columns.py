"""Headers that are rows, rows that are headers, and several columns that make one text."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig

ROWS = [(f"good news {n}", "pos") if n % 2 else (f"bad news {n}", "neg") for n in range(30)]
BODY = "".join(f"{text},{label}\n" for text, label in ROWS)


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("0,1\n", {"text": "0", "label": "1"}),
        ("text,label\n", {}),
        ("", {"text": "0", "label": "1"}),
        ("", {"header": False}),
    ],
)
def test_names_of_columns_are_no_document(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], head: str, options: dict[str, Any]
) -> None:
    out = ingest(path=put(tmp_path / "a.csv", head + BODY), **options)
    assert (out.report["labels"], out.report["found"]) == ({"neg": 15, "pos": 15}, 30)
    assert out.report["warnings"] == []


def test_the_index_that_pandas_writes_goes_with_its_header(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = "".join(f"{n},{text},{label}\n" for n, (text, label) in enumerate(ROWS))
    out = ingest(path=put(tmp_path / "a.csv", ",0,1\n" + rows), text="0", label="1")
    assert list(out.texts.values()) == [text for text, _ in ROWS]


def test_a_row_that_repeats_the_header_goes_to_quarantine(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=put(tmp_path / "a.csv", f"text,label\n{BODY}text , label\n{BODY}"))
    assert out.report["reasons"] == {"header": 1}
    assert out.report["labels"] == {"neg": 30, "pos": 30}
    assert out.quarantine[0]["bytes"] == b"text , label"


@pytest.mark.parametrize("again", ["\ufefftext,label", "Text,LABEL", '\ufeff"text","label"'])
def test_the_header_of_a_joined_file_is_known_with_a_byte_order_mark_and_in_capitals(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], again: str
) -> None:
    out = ingest(path=put(tmp_path / "a.csv", f"\ufefftext,label\r\n{BODY}{again}\r\n{BODY}"))
    assert (out.report["reasons"], out.report["labels"]) == ({"header": 1}, {"neg": 30, "pos": 30})


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.jsonl", [json.dumps({"text": text, "label": label}) for text, label in ROWS]),
        ("a.txt", [f"__label__{label} {text}" for text, label in ROWS]),
        ("b.txt", [f"{text}\t{label}" for text, label in ROWS]),
    ],
)
def test_a_byte_order_mark_where_files_were_joined_costs_no_row(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str, lines: Any
) -> None:
    part = "\ufeff" + "".join(f"{line}\n" for line in lines)
    out = ingest(path=put(tmp_path / name, part + part))
    assert (out.report["labels"], out.report["found"]) == ({"neg": 30, "pos": 30}, 60)
    assert list(out.texts.values()) == [text for text, _ in ROWS] * 2


def test_a_key_that_json_lines_have_late_is_a_column(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = [{"text": f"unlabelled {n}"} for n in range(150)] + [{"text": text, "label": label} for text, label in ROWS]
    out = ingest(path=put(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert (out.report["labels"], out.report["unlabelled"]) == ({"neg": 15, "pos": 15}, 150)
    with pytest.raises(RequestError, match=r"no column 'klass' for the label; there are: 'text', 'label'\."):
        ingest(path=tmp_path / "a.jsonl", label="klass")


@pytest.mark.parametrize("text", ["label", "text,label"])
def test_a_model_is_not_given_its_label_to_read(tmp_path: Path, ingest: Callable[..., SimpleNamespace], text: str) -> None:
    with pytest.raises(RequestError, match=r"column 'label' is the label, and also in --ingest\.text"):
        ingest(path=put(tmp_path / "a.csv", f"text,label\n{BODY}"), text=text)
    pq.write_table(
        pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}), tmp_path / "a.parquet"
    )
    with pytest.raises(RequestError, match="column 'label' is the label"):
        ingest(path=tmp_path / "a.parquet", text=text)


@pytest.mark.parametrize(("body", "said"), [(BODY, "no other row has"), (f"{BODY}text,label\n{BODY}", "only 2 rows have")])
def test_a_header_that_is_read_as_a_row_is_told(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], body: Any, said: str
) -> None:
    out = ingest(path=put(tmp_path / "a.csv", "text,label\n" + body), text="0", label="1")
    (warning,) = out.report["warnings"]
    assert f"the first row is read as a document, 'text' with the label 'label', which {said}" in warning
    assert "--ingest.header true" in warning


def test_a_rare_class_in_the_first_row_is_no_header(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    text = "a whole sentence of an only row about something rare"
    assert ingest(path=put(tmp_path / "a.csv", f"{text},rare\n{BODY}"), header=False).report["warnings"] == []


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        ("", {}, "there are: 'bad news 0', 'neg'.*these are the first row, and if it is not a header: --ingest.header false"),
        ("Text,Label\n", {}, "no column 'text'.*such as --ingest.text Text"),
        ("text\n", {}, "It has one column only; text without labels goes to --ingest.unlabelled"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, head: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_request(IngestConfig(path=put(tmp_path / "a.csv", head + (BODY if head != "text\n" else "a\nb\n")), **options))


PARTS = [("Up", "It rose"), ("", "It fell"), ("Flat", "")]
JOINED = ["Up\nIt rose", "It fell", "Flat"]


def in_two_columns(folder: Path) -> list[Path]:
    labels = ["p", "n", "p"]
    rows = [(*pair, label) for pair, label in zip(PARTS, labels, strict=True)]
    (folder / "a.csv").write_text("title,body,label\n" + "".join(",".join(row) + "\n" for row in rows))
    (folder / "a.tsv").write_text("title\tbody\tlabel\n" + "".join("\t".join(row) + "\n" for row in rows))
    named = [dict(zip(("title", "body", "label"), row, strict=True)) for row in rows]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in named))
    (folder / "b.jsonl").write_text("".join(json.dumps({k: v or None for k, v in row.items()}) + "\n" for row in named))
    pq.write_table(pa.Table.from_pylist(named), folder / "a.parquet")
    return [folder / name for name in ("a.csv", "a.tsv", "a.jsonl", "b.jsonl", "a.parquet")]


def test_two_columns_are_one_text_with_a_line_end_between(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    for path in in_two_columns(tmp_path):
        assert list(ingest(path=path, text="title,body").texts.values()) == JOINED, path.name
        swapped = ingest(path=path, text="body, title").texts
        assert next(iter(swapped.values())) == "It rose\nUp"
    assert list(ingest(path=tmp_path / "a.csv", text="0,1", label="2", header=True).texts.values()) == JOINED


def test_a_column_whose_name_holds_a_comma_is_still_found(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = put(tmp_path / "a.csv", '"title, body",more,label\nUp,It rose,p\nDown,It fell,n\n')
    assert list(ingest(path=path, text="title, body").texts.values()) == ["Up", "Down"]
    assert list(ingest(path=path, text="title, body,more").texts.values()) == ["Up\nIt rose", "Down\nIt fell"]
    with pytest.raises(RequestError, match=r"no column 'less' for the text; there are: 'title, body', 'more', 'label'"):
        check_request(IngestConfig(path=path, text="more,less"))


def test_the_unlabelled_table_has_its_own_columns_too(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    corpus, *_ = in_two_columns(tmp_path)
    put(tmp_path / "u.csv", "a,b\nmore,text\n")
    out = ingest(path=corpus, text="title,body", unlabelled=tmp_path / "u.csv", unlabelled_text="a,b")
    assert out.texts["unlabelled:u.csv:2"] == "more\ntext"
    with pytest.raises(RequestError, match=r"no column 'c'.*--ingest\.unlabelled-text"):
        check_request(IngestConfig(path=corpus, text="title", unlabelled=tmp_path / "u.csv", unlabelled_text="c"))
