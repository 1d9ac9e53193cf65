"""Which layout a file or folder of texts without labels has, told by its name and its first bytes.

The text beside a corpus, `score` and `refresh` read by it. They do not take the table of `layouts/__init__.py`, which is for
corpora: those layouts say which label and split a document has, and where the labels are missing the documents are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.archive import SUFFIXES as ARCHIVES
from tasks.documents.archive import archive_kind
from tasks.documents.compressed import plain_suffix
from tasks.documents.layout import Asked, Layout, check_exists
from tasks.documents.layouts.table import TableLayout
from tasks.documents.layouts.texts import TextArchive, TextFolder, TextLines, WholeText, looks_packed
from tasks.documents.table_form import TABLES

if TYPE_CHECKING:
    from pathlib import Path

TEXT = frozenset({".txt"})
KNOWN = TEXT | TABLES | frozenset(ARCHIVES)  # suffixes of the files that an inbox may hold


def input_of(asked: Asked) -> Layout:
    """Give the layout of a path: a folder of texts, a table, an archive of texts, or a text.

    A text has a document a line; where times are read it is one document, dated by its last change. With a delimiter it is a
    table. RequestError if there is nothing at the path, or if an archive cannot be read.
    """
    path, reading = asked.path, asked.reading
    assert path is not None
    check_exists(path, asked.option)
    if path.is_dir():
        return TextFolder(asked)
    if plain_suffix(path) in TABLES:
        return TableLayout(asked)
    if archive_kind(path) is not None or looks_packed(path):
        return TextArchive(asked)
    if reading.delimiter is not None:
        return TableLayout(asked)
    return WholeText(asked) if reading.second == "time" else TextLines(asked)


def is_known(path: Path | str) -> bool:
    """Whether a file's name is one that `input_of` reads as a table, a text or an archive."""
    return plain_suffix(path) in KNOWN
