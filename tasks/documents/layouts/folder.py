"""A folder with one folder for each label, with or without train/ and test/ above them.

    corpus/<label>/**                      or        corpus/{train,test}/<label>/**
    corpus/unlabelled/**                             corpus/unlabelled/**, corpus/train/unlabelled/**

Every regular file below a label's folder is one document, whatever its suffix. Files beside the labels' folders (a README, say)
and the names that walk.py passes over are left out; a file that is not text is refused as `binary`.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.documents.files import as_bytes, file_record, without_binaries
from tasks.documents.layout import MANY, Asked, Layout, Notes
from tasks.documents.spelling import spelled
from tasks.documents.walk import Found, entries, kind_of, read_head, walk
from tasks.errors import RequestError
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.documents.record import Record

UNLABELLED_FOLDERS = frozenset({b"unlabelled", b"unlabeled", b"unsup"})
_SPLITS = (b"test", b"train")
_TABLES = (b".csv", b".tsv", b".jsonl", b".ndjson", b".json", b".parquet", b".pq")


class FolderLayout(Layout):
    """Documents sorted by name, those without a label after the splits."""

    name = "folder"
    note = "for a folder"
    joins = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        if not self.path.is_dir():
            source = f"{asked.reading.flags.source} table"
            raise RequestError(f"{asked.option} {self.path}: not a folder; for a file use {source}")
        self.encoding, self.encoding_flag = asked.reading.encoding, asked.reading.flags.encoding

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """Any folder."""
        return asked.path is not None and asked.path.is_dir()

    def check(self) -> None:
        """Raise RequestError for a folder without labels, with one label only, or with parts of a table."""
        path = self.path
        labels = self._accepted_labels()
        if not labels:
            raise RequestError(f"{path}: no folder of a label in it; {no_label_folders(path, self.reading.flags.path)}")
        if (part := holds_parquet(path)) is not None:
            raise RequestError(
                f"{path}: {part} is a Parquet file, not a document; read the folder with {self.reading.flags.source} parquet"
            )
        if (
            len(labels) == 1
            and self.asked.split not in ("test", "valid")
            and not (self.asked.name or self.asked.labels_are_numbers)
        ):
            raise RequestError(f"{path}: one class only ({labels[0]}); a classifier needs at least two folders of labels")

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the documents; a split that the folder names comes before that of the request."""
        return without_binaries(self._documents(notes), self.encoding)

    def doubts(self, labels: Mapping[str, int]) -> list[str]:
        """Name the folders of which no document was kept."""
        if self.asked.labels_are_numbers:
            return []
        empty = [name for name in self._accepted_labels() if spelled(name) not in labels]
        return [f"{self.path}: no document of {', '.join(empty[:MANY])}: empty, or all in it was refused"] if empty else []

    def own_test_split(self) -> str:
        """Say that train/ or test/ is there."""
        return f"{self.path} has train/ or test/ below" if self._splits else ""

    @cached_property
    def _splits(self) -> tuple[bytes, ...]:
        return split_folders(self.path)

    def _accepted_labels(self) -> list[str]:
        accepted = self.asked.labels
        return [label for label in folder_labels(self.path) if not accepted or spelled(label) in accepted]

    def _documents(self, notes: Notes) -> Iterator[Record]:
        root = as_bytes(self.path)
        yield from self._links(root, b"")
        for split in self._splits:
            yield from self._links(os.path.join(root, split), split + b"/")
            yield from self._labelled(os.path.join(root, split), split + b"/", split.decode(), notes)
        if self._splits:
            for name in sorted(UNLABELLED_FOLDERS & set(_folders(root))):
                yield from self._below(os.path.join(root, name), name + b"/", None, "unlabelled", notes)
        else:
            yield from self._labelled(root, b"", self.asked.split, notes)

    def _labelled(self, root: bytes, above: bytes, split: str | None, notes: Notes) -> Iterator[Record]:
        for name in _folders(root):
            unlabelled = name in UNLABELLED_FOLDERS
            label = None if unlabelled else file_name(name)
            here = "unlabelled" if unlabelled else split
            yield from self._below(os.path.join(root, name), above + name + b"/", label, here, notes)

    def _below(self, root: bytes, above: bytes, label: str | None, split: str | None, notes: Notes) -> Iterator[Record]:
        limit, prefix = self.reading.text_bytes, self.asked.below
        for found in walk(root, above, notes.passed_over):
            yield file_record(found, limit, label=label, split=split, prefix=prefix)

    def _links(self, root: bytes, above: bytes) -> Iterator[Record]:
        """Links beside the labels' folders: each may be a whole label, so it must not be left out unseen."""
        for name in entries(root):
            path = os.path.join(root, name)
            if not name.endswith(b"/") and kind_of(path) == "link":
                found = Found(above + name, path, "link")
                yield file_record(found, 0, label=None, split=self.asked.split, prefix=self.asked.below)


def split_folders(folder: Path) -> tuple[bytes, ...]:
    """Give test/ and train/ if they are above the labels' folders, else nothing. RequestError for folders beside them."""
    root = as_bytes(folder)
    names = _folders(root)
    splits = tuple(name for name in _SPLITS if name in names)
    if not any(_folders(os.path.join(root, name)) for name in splits):
        return ()  # a label may be called train
    beside = [name for name in names if name not in splits and name not in UNLABELLED_FOLDERS]
    if beside:
        known = " and ".join(file_name(name) + "/" for name in splits)
        raise RequestError(
            f"{folder}: {file_name(beside[0])}/ is beside {known}; only train/, test/ and unlabelled/ are read there"
        )
    return splits


def folder_labels(folder: Path) -> list[str]:
    """Names of the labels' folders, sorted. RequestError if the folder cannot be listed."""
    root = as_bytes(folder)
    roots = [os.path.join(root, split) for split in split_folders(folder)] or [root]
    return sorted({file_name(name) for each in roots for name in _folders(each) if name not in UNLABELLED_FOLDERS})


def no_label_folders(folder: Path, flag: str) -> str:
    """Name what a folder holds instead of folders of labels: links, tables, or files."""
    names = entries(as_bytes(folder))
    links = [name for name in names if kind_of(os.path.join(as_bytes(folder), name.rstrip(b"/"))) == "link"]
    if links:
        target = os.fsencode(os.readlink(os.path.join(as_bytes(folder), links[0])))
        more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
        return f"links are not followed: {file_name(links[0])} -> {file_name(target)}{more}; copy the folders here"
    tables = [name for name in names if name.lower().endswith(_TABLES)]
    if tables:
        return f"there is a table in it, {file_name(tables[0])}; give the file: {flag} {folder / file_name(tables[0])}"
    return "one folder per label is expected, with the documents inside"


def holds_parquet(folder: Path) -> str | None:
    """Name a Parquet file that is the first document of a label: such a folder is a table in parts, not documents."""
    for found in walk(as_bytes(folder)):
        if b"/" not in found.name:
            continue
        try:
            is_parquet = found.kind == "file" and read_head(found.path, 4) == b"PAR1"
        except OSError:
            return None
        return file_name(found.name) if is_parquet else None
    return None


def _folders(root: bytes) -> list[bytes]:
    try:
        return [name[:-1] for name in entries(root) if name.endswith(b"/")]
    except OSError as error:
        raise RequestError(f"{file_name(root)}: cannot be listed ({error.strerror}); check its permissions") from error
