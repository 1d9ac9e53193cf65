"""A layout: how documents are laid out in one place. It checks the place before anything is read, and gives its records.

A new source for a corpus is one file in `layouts/` with a class below `Layout`, and one line in the table of
`layouts/__init__.py`; it then has a name for `--ingest.source`. `layouts/folder.py` is an example. With a suffix of its own
it is also read by `score`, by `refresh` and beside a corpus.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tasks.documents.compressed import plain_suffix
from tasks.documents.reading import DEFAULT_READING, Reading
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.documents.record import Record

MANY = 20  # names that a message lists at most


@dataclass(frozen=True)
class Asked:
    """A request to a layout: the place, how to read it, and where its records belong.

    `option` is the one that names the path, and `is_archive` says that it is the option for archives. `split` is that of rows
    whose layout does not name one. `prefix` begins the ids of the records, so that no two inputs share one.
    """

    path: Path | None
    reading: Reading = DEFAULT_READING
    option: str = ""
    split: str | None = None
    prefix: str = ""
    is_archive: bool = False
    dataset: str | None = None  # of the sets that the layout knows by name
    labels: frozenset[str] = frozenset()  # the labels to accept, as they are spelled; empty: all
    labels_are_numbers: bool = False  # and a file names them
    with_unlabelled: bool = True
    name: str = ""  # of a place among several; see tasks/places.py

    @property
    def source(self) -> str:
        """What the records call the file that they are from."""
        assert self.path is not None
        return self.prefix + (self.name or self.path.name)

    @property
    def below(self) -> str:
        """What begins the names of files below the folder."""
        return f"{self.prefix}{self.name}/" if self.name else self.prefix


class Remote(NamedTuple):
    """A file that can be downloaded if no path is given."""

    url: str
    file: str
    md5: str


@dataclass
class Notes:
    """Notes made while reading: lines for the user, and files that no author wrote, counted by name."""

    warnings: list[str] = field(default_factory=list)
    passed_over: Counter[bytes] = field(default_factory=Counter)


class Layout:
    """Documents in one place. RequestError, from the constructor on, if the request does not fit it."""

    name: ClassVar[str] = ""  # in progress and in messages
    suffixes: ClassVar[frozenset[str]] = frozenset()  # of files that are in this layout whoever reads them; see inputs.py
    note: ClassVar[str] = ""  # when `fits` takes it, for the help of the option: "for a folder"
    encoding: str = "utf-8"  # of the records' bytes
    encoding_flag: str = ""  # the option that declares it; empty if the form prescribes UTF-8
    remote: ClassVar[Remote | None] = None
    takes_archive: ClassVar[bool] = False  # whether the option for archives may name the place
    joins: ClassVar[bool] = False  # whether it may be one of several places
    has_columns: ClassVar[bool] = False  # some of which may be kept beside text and label
    may_repeat_texts: ClassVar[bool] = False  # a published set that is read as it is, even if texts repeat

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.reading = asked.reading
        if asked.path is None and self.remote is None:
            raise RequestError(f"nothing to read: give {self.reading.flags.path} FILE_OR_FOLDER")
        if asked.path is not None:
            check_exists(asked.path, asked.option)

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """Whether the place looks like this layout; where no source is named, the first in the table that does is taken.

        Unless a layout knows better, by a suffix of its own.
        """
        return asked.path is not None and plain_suffix(asked.path) in cls.suffixes

    @property
    def path(self) -> Path:
        """The file or folder to read; ValueError before it was downloaded."""
        if self.asked.path is None:
            raise ValueError(f"download {self.name} first")
        return self.asked.path

    def check(self) -> None:
        """Raise RequestError for errors that the beginning of the place shows."""

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield each document once, kept or refused, always in the same order."""
        raise NotImplementedError

    def doubts(self, labels: Mapping[str, int]) -> list[str]:
        """Say, a line each, what looks wrong once the labels (spelled) of all kept records are counted."""
        return []

    def nothing(self) -> str:
        """Explain why there is no record."""
        return f"no record in it (it was read as {self.name})"

    def own_test_split(self) -> str:
        """Say how the place brings a test split of its own; empty if it has none."""
        return ""

    def own_valid_split(self) -> str:
        """Say how the place brings validation rows of its own; empty if it has none."""
        return ""


def check_exists(path: Path, option: str) -> None:
    """Raise RequestError unless a path is a file or a folder; `option` named it."""
    where = f"{option} {path}" if option else str(path)
    try:
        path.stat()
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "special file"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RequestError(f"{where}: {why}; check the path") from error
    if kind == "special file":
        raise RequestError(f"{where}: neither a file nor a folder")
