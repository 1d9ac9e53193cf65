"""Read a file of labels, whatever its format: a table, a sheet, or what Label Studio exports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from tasks.documents.compressed import plain_suffix
from tasks.documents.layout import Asked, Notes, check_exists
from tasks.documents.layouts.table import TableLayout
from tasks.documents.reading import Flags, Reading
from tasks.documents.spelling import scalar
from tasks.documents.table_form import PARQUET, TABLES
from tasks.documents.tally import Tally
from tasks.documents.text import read_text
from tasks.errors import RequestError
from tasks.labels.given import Found
from tasks.labels.label_studio import CONTROL, read_export
from tasks.labels.row import NEW, take
from tasks.labels.sheet import read_sheet

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = Flags(no_header="--text 0 --label 1")  # of `textmill label`, which has no option for the header
FORMS = "a .csv, .tsv, .jsonl, .parquet or .xlsx, or Label Studio's JSON, JSON-MIN or CSV export"


def read_labels(
    path: Path,
    *,
    text: str = "text",
    label: str | None = None,
    annotator: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
) -> tuple[Found, list[str]]:
    """The labels of a file in its order, and warnings about it.

    `text` and `label` name its columns; without `label` it is `new_label`, which `textmill review` writes for people to fill
    in, else `label`. `annotator` is whoever gave the labels that name nobody. RequestError for a file that cannot be read.
    """
    check_exists(path, "")
    if path.is_dir():
        raise RequestError(f"{path}: a folder; give {FORMS}")
    suffix = plain_suffix(path)
    if suffix == ".xlsx":
        return _sheet(path, text, label, annotator), []
    if suffix == ".json" and _is_list(path):
        return read_export(path, text=text, label=label, annotator=annotator), []
    if suffix not in TABLES:
        raise RequestError(f"{path}: {path.suffix or 'no suffix'} is not a format that labels are read from; give {FORMS}")
    keep: Literal["seen", "all"] = "seen" if suffix in PARQUET else "all"
    reading = Reading(text=text, label=label or NEW, keep=keep, encoding=encoding, delimiter=delimiter, flags=FLAGS)
    return _table(path, reading, label, annotator)


def _is_list(path: Path) -> bool:
    """Whether a file of JSON is one list; .json may also hold an object a line."""
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _table(path: Path, reading: Reading, label: str | None, annotator: str | None) -> tuple[Found, list[str]]:
    layout, old = TableLayout(Asked(path, reading)), True
    try:
        layout.check()
    except RequestError:
        if label is not None:
            raise
        layout, old = TableLayout(Asked(path, replace(reading, label=CONTROL))), False
        layout.check()
    found, warnings = Found(), list[str]()
    tally, notes = Tally(layout.encoding, layout.encoding_flag), Notes(warnings)
    for record in layout.records(notes):
        words, reason, offset = read_text(record, tally.encoding, reading.max_chars)
        tally.count(record.source, record.offset, record.data, words or None, offset if reason == "undecodable" else None)
        rest = dict(record.rest)
        if reason is not None and not (reason == "empty" and rest.get("key")):
            found.refuse(reason, record.id)
            continue
        take(found, record.id, words, record.label or "", rest, annotator, old=old)
    tally.check(path)
    return found, warnings + tally.warnings(path)


def _sheet(path: Path, text: str, label: str | None, annotator: str | None) -> Found:
    found, column = Found(), label
    for number, row in read_sheet(path):
        column = column or (NEW if NEW in row else CONTROL)
        for name, flag in ((text, "--text"), (column, "--label")):
            if name not in row:
                named = ", ".join(row)
                raise RequestError(f"{path}: its first sheet has no column {name!r}; it has {named}; name it with {flag}")
        rest = {name: value for name, value in row.items() if name not in (text, column)}
        words = scalar(row[text])
        where = f"{path.name}:{number}"
        take(found, where, None if words is None else words, row[column], rest, annotator, old=column == NEW)
    if column is None:
        raise RequestError(f"{path}: its first sheet has no row below the names of its columns")
    return found
