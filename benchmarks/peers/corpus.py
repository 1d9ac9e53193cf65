"""Read a labelled corpus and its test part from raw files; no peer borrows textmill's reader."""

from __future__ import annotations

import csv
import json
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

csv.field_size_limit(1 << 24)
# Reviews without a label are passed over: no peer reads them, and none should pay for them.
IMDB_MEMBER = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/[^/]+\.txt")


class Document(NamedTuple):
    """One text and its label."""

    text: str
    label: str


@dataclass(frozen=True)
class Corpus:
    """Train and test documents."""

    train: list[Document]
    test: list[Document]


@dataclass(frozen=True)
class Columns:
    """Where a table's text and label stand: names, or positions from 0 in a table without a header."""

    text: str = "text"
    label: str = "label"
    encoding: str = "utf-8"


def read_corpus(path: Path, test: Path | None, columns: Columns) -> Corpus:
    """Read `path` and `test`: an IMDB archive or its unpacked folder (which hold their test part), else two folders or tables.

    Folders hold a folder a label; tables are csv, tsv, jsonl, or lines `text@label` (.txt; a tab in the place of @ works too).
    """
    if path.suffixes[-2:] == [".tar", ".gz"] or path.suffix == ".tgz":
        return _imdb(_archive_members(path))
    if (path / "train" / "pos").is_dir():
        return _imdb(_folder_members(path))
    if test is None:
        raise SystemExit(f"{path} has no test part of its own; give one with --test")
    return Corpus(list(_documents(path, columns)), list(_documents(test, columns)))


def _imdb(members: Iterator[tuple[str, str]]) -> Corpus:
    """Sort members named `[aclImdb/]{train,test}/{pos,neg}/ID_RATING.txt`."""
    corpus = Corpus([], [])
    for name, text in members:
        found = IMDB_MEMBER.fullmatch(name)
        assert found is not None
        part, label = found.groups()
        (corpus.train if part == "train" else corpus.test).append(Document(text, label))
    return corpus


def _archive_members(path: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.isfile() and IMDB_MEMBER.fullmatch(member.name):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, file.read().decode("utf-8")


def _folder_members(path: Path) -> Iterator[tuple[str, str]]:
    for part in ("train", "test"):
        for file in sorted((path / part).glob("*/*.txt")):
            if IMDB_MEMBER.fullmatch(name := file.relative_to(path).as_posix()):
                yield name, file.read_text(encoding="utf-8")


def _documents(path: Path, columns: Columns) -> Iterator[Document]:
    if path.is_dir():
        for file in sorted(path.glob("*/*.txt")):
            yield Document(file.read_text(encoding=columns.encoding), file.parent.name)
    elif path.suffix == ".jsonl":
        for line in path.read_text(encoding=columns.encoding).split("\n"):
            if line.strip():
                record = json.loads(line)
                yield Document(record[columns.text], str(record[columns.label]))
    elif path.suffix == ".txt":
        yield from _lines(path, columns)
    else:
        yield from _table(path, columns)


def _lines(path: Path, columns: Columns) -> Iterator[Document]:
    """`text@label` or `text<TAB>label`; a line with neither is no document."""
    content = path.read_bytes().decode(columns.encoding)
    separator = "\t" if "\t" in content.partition("\n")[0] else "@"
    for line in content.split("\n"):  # splitlines would part at \x85 too, which stands in Latin-1 texts
        text, found, label = line.removesuffix("\r").rpartition(separator)
        if found:
            yield Document(text, label)


def _table(path: Path, columns: Columns) -> Iterator[Document]:
    positions = columns.text.isdigit() and columns.label.isdigit()
    with path.open(encoding=columns.encoding, newline="") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        names = [] if positions else next(rows)
        text, label = (int(name) if positions else names.index(name) for name in (columns.text, columns.label))
        for row in rows:
            if len(row) > max(text, label):
                yield Document(row[text], row[label])
