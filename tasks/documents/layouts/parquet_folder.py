"""A folder of Parquet files: one table in parts, whose folders may name more columns.

    table/part-0.parquet, part-1.parquet                      as many programs write a large table
    table/year=2024/label=pos/part-0.parquet                  partitions of Hive and Spark: year and label are columns
    set/data/train-00000-of-00001.parquet, test-...           a set of the Hugging Face Hub, with its splits

What begins with an underscore (`_SUCCESS`, `_metadata`) is passed over, as hidden files are.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.documents.files import as_bytes
from tasks.documents.layout import MANY, Asked, Layout, Notes
from tasks.documents.layouts.table import TableLayout
from tasks.documents.splits import split_of_shard
from tasks.documents.table_form import PARQUET
from tasks.documents.walk import walk
from tasks.errors import RequestError
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents.record import Record

_PASSED = b"_..."  # how names with an underscore are counted


class ParquetFolder(Layout):
    """The rows of all files, sorted by name; ids are `name below the folder:row`."""

    name = "parquet"
    note = "for a folder of Parquet files"
    has_columns = True
    joins = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        if not self.path.is_dir():
            source = f"{asked.reading.flags.source} table"
            raise RequestError(f"{asked.option} {self.path}: not a folder; for a file use {source}")

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """A folder whose first file is Parquet, but for those that lie beside folders, such as a README."""
        if asked.path is None or not asked.path.is_dir():
            return False
        for found in walk(as_bytes(asked.path)):
            base = found.name.rpartition(b"/")[2]
            if found.kind in ("file", "link") and _is_parquet(base):
                return True
            if b"/" in found.name and not base.startswith(b"_"):
                return False
        return False

    def check(self) -> None:
        """Raise RequestError if there is no file, or if one of them lacks a column."""
        link = next((found for found in walk(as_bytes(self.path)) if found.kind == "link" and _is_parquet(found.name)), None)
        if link is not None:
            told = (
                f"{file_name(link.name)} is a link, and links are not followed; give a copy of the folder, as cp -rL makes it"
            )
            raise RequestError(f"{self.path}: {told}")
        if not self._parts:
            raise RequestError(f"{self.path}: no Parquet file below this folder")
        for part in self._parts:
            part.check()

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield a record for each row, and say which files are not read."""
        others = []
        for found in walk(as_bytes(self.path), b"", notes.passed_over):
            base = found.name.rpartition(b"/")[2]
            if base.startswith(b"_"):
                notes.passed_over[_PASSED] += 1
            elif found.kind != "file" or not _is_parquet(base):
                others.append(file_name(found.name))
        if others:
            more = f" and {len(others) - MANY:,} more" if len(others) > MANY else ""
            notes.warnings.append(f"{self.path}: not Parquet files, so not read: {', '.join(others[:MANY])}{more}")
        for part in self._parts:
            yield from part.records(notes)

    def own_test_split(self) -> str:
        """Say that files are called as those of a test split."""
        return self._has("test", "a test split")

    def own_valid_split(self) -> str:
        """Say that files are called as those of a validation split."""
        return self._has("valid", "a validation split")

    @cached_property
    def _names(self) -> list[bytes]:
        found = walk(as_bytes(self.path))
        return [each.name for each in found if each.kind == "file" and _is_parquet(each.name.rpartition(b"/")[2])]

    @cached_property
    def _parts(self) -> list[TableLayout]:
        return [self._part(name) for name in self._names]

    def _part(self, name: bytes) -> TableLayout:
        shown, asked = file_name(name), self.asked
        split = split_of_shard(shown)
        if asked.split in ("test", "valid"):
            split = asked.split
        elif split in (None, "train"):
            split = "train" if self.own_test_split() else asked.split
        below = f"{asked.name}/{shown}" if asked.name else shown
        return TableLayout(replace(asked, path=self.path / Path(os.fsdecode(name)), name=below, split=split))

    def _has(self, split: str, words: str) -> str:
        first = next((shown for shown in map(file_name, self._names) if split_of_shard(shown) == split), "")
        return f"{self.path} has {words}, {first}" if first else ""


def _is_parquet(name: bytes) -> bool:
    base = name.rpartition(b"/")[2]
    return not base.startswith(b"_") and Path(os.fsdecode(base)).suffix.lower() in PARQUET
