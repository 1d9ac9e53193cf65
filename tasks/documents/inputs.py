"""Which layout a file or folder of texts without labels has, told by its name and its first bytes.

The text beside a corpus, `score` and `refresh` read by it. Of the layouts of a corpus they take those that have suffixes of
their own: the others find a label and a split for each document by the folders around it, which texts to score do not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.archive import SUFFIXES as ARCHIVES
from tasks.documents.archive import archive_kind
from tasks.documents.compressed import plain_suffix
from tasks.documents.layout import Asked, Layout, check_exists
from tasks.documents.layouts import LAYOUTS
from tasks.documents.layouts.parquet_folder import ParquetFolder
from tasks.documents.layouts.saved_dataset import SavedDataset
from tasks.documents.layouts.table import TableLayout
from tasks.documents.layouts.texts import TextArchive, TextFolder, TextLines, WholeText, looks_packed

if TYPE_CHECKING:
    from pathlib import Path

TEXT = frozenset({".txt"})
BY_SUFFIX = {suffix: layout for layout in LAYOUTS.values() for suffix in layout.suffixes}
DATA_SETS: tuple[type[Layout], ...] = (SavedDataset, ParquetFolder)  # folders that are a table
KNOWN = TEXT | BY_SUFFIX.keys() | frozenset(ARCHIVES)  # suffixes of the files that an inbox may hold


def input_of(asked: Asked) -> Layout:
    """Give the layout of a path: a folder of texts or of a data set, a table by its suffix, an archive of texts, or a text.

    A text has a document a line; where times are read it is one document, dated by its last change. With a delimiter it is a
    table. RequestError if there is nothing at the path, or if an archive cannot be read.
    """
    path, reading = asked.path, asked.reading
    assert path is not None
    check_exists(path, asked.option)
    if path.is_dir():
        return next((layout(asked) for layout in DATA_SETS if layout.fits(asked)), None) or TextFolder(asked)
    if own := BY_SUFFIX.get(plain_suffix(path)):
        return own(asked)
    if archive_kind(path) is not None or looks_packed(path):
        return TextArchive(asked)
    if reading.delimiter is not None:
        return TableLayout(asked)
    return WholeText(asked) if reading.second == "time" else TextLines(asked)


def is_known(path: Path | str) -> bool:
    """Whether a file's name has a suffix that `input_of` knows."""
    return plain_suffix(path) in KNOWN
