"""The texts that are to be forgotten, as they are asked for: themselves, by the ids of rows, or in a list."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.forget.rows import texts_of_ids
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TABLES = {".csv": ",", ".tsv": "\t"}
SHOWN_CHARS = 60
_LINE_END = re.compile(r"\r\n|\r|\n")


class Listed(NamedTuple):
    """Texts and ids of a list."""

    texts: list[str]
    ids: list[str]


def read_list(path: Path) -> Listed:
    """Read a list: a text a line, or a .csv or .tsv with a column `text`, `id` or both; RequestError if it is neither."""
    if not path.exists() or path.is_dir():
        raise RequestError(f"--file {path}: no such file; correct the path")
    written = read_utf8(path, what="--file")
    delimiter = TABLES.get(path.suffix.lower())
    if delimiter is None:  # a text may hold other signs that part lines, such as U+2028
        return _checked(path, Listed([line for line in _LINE_END.split(written) if line.strip()], []))
    csv.field_size_limit(max(csv.field_size_limit(), len(written)))
    rows = csv.DictReader(io.StringIO(written, newline=""), delimiter=delimiter)
    if not {"text", "id"} & set(rows.fieldnames or ()):
        raise RequestError(f"--file {path}: no column is called text or id; name one so in its first line")
    listed = Listed([], [])
    for row in rows:
        if (row.get("text") or "").strip():
            listed.texts.append(row["text"])
        elif row.get("id"):
            listed.ids.append(row["id"])
    return _checked(path, listed)


def texts_by_id(corpora: Sequence[Path], ids: Sequence[str]) -> dict[str, str]:
    """The text of each id that the corpora of a store know; RequestError for one that has other texts in other corpora."""
    found = texts_of_ids(corpora, ids)
    for each, texts in found.items():
        if len(texts) > 1:
            told = " and ".join(repr(shortened(in_line(text), SHOWN_CHARS)) for text in list(texts)[:2])
            raise RequestError(f"--id {each}: {len(texts)} texts have this id in different corpora, {told}; give one by --text")
    return {each: next(iter(texts)) for each, texts in found.items()}


def _checked(path: Path, listed: Listed) -> Listed:
    if not listed.texts and not listed.ids:
        raise RequestError(f"--file {path}: no text is in it; write a text a line, or a table with a column text or id")
    return listed
