"""The columns of an input that scoring does not read: kept beside the model's answer, in their order.

A table's cells are texts; Parquet's columns keep their types. A name that `score` gives to a column of its own becomes
`input_NAME`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.layouts.table import TableLayout
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence, Sized
    from pathlib import Path

    from tasks.documents.layout import Layout
    from tasks.documents.record import Record

_BATCH_ROWS = 1024


class Rest(Protocol):
    """The other columns of an input: their names, their fields, and their values for one batch of its rows after another."""

    names: list[str]
    fields: list[pa.Field]

    def take(self, batch: Sequence[Record]) -> list[pa.Array]:
        """The values that belong to the next rows, a column after another."""


def rest_of(layout: Layout, own: Collection[str]) -> Rest:
    """Give the other columns of an input, under names that none of `own` has. RequestError if it cannot be read."""
    if not isinstance(layout, TableLayout):
        return TableRest((), own)
    return ParquetRest(layout, own) if layout.is_parquet else TableRest(layout.table.columns.rest_keys, own)


class TableRest:
    """Cells that came with the rows, as texts; null in a row that could not be cut into its columns."""

    def __init__(self, names: Sequence[str], own: Collection[str]) -> None:
        self.names = list(names)
        self.fields = [pa.field(name, pa.string()) for name in free_names(names, own)]

    def take(self, batch: Sequence[Record]) -> list[pa.Array]:
        """The cells of the rows, a column after another."""
        missing = (("", None),) * len(self.fields)
        rows = [row.rest or missing for row in batch]
        return [pa.array([_valid(row[at][1]) for row in rows], pa.string()) for at in range(len(self.fields))]


class ParquetRest:
    """Columns of a Parquet file, read beside its texts, of which there is one a row."""

    def __init__(self, layout: TableLayout, own: Collection[str]) -> None:
        texts = layout.columns.texts
        schema = pq.read_schema(layout.path)
        self._path: Path = layout.path
        self._places = [at for at, name in enumerate(schema.names) if name not in texts]
        self.names = [schema.names[at] for at in self._places]
        free = free_names(self.names, own)
        self.fields = [schema.field(at).with_name(name) for at, name in zip(self._places, free, strict=True)]
        self._batches = self._read()
        self._held = pa.schema(self.fields).empty_table()

    def take(self, batch: Sized) -> list[pa.Array]:
        """The next values of each column, as many as the batch has rows."""
        parts = [self._held]
        while sum(part.num_rows for part in parts) < len(batch) and (more := next(self._batches, None)) is not None:
            parts.append(more)
        held = pa.concat_tables(parts)
        self._held = held.slice(len(batch))
        return [column.combine_chunks() for column in held.slice(0, len(batch)).columns]

    def _read(self) -> Iterator[pa.Table]:
        if not self._places:
            return
        try:
            file = pq.ParquetFile(self._path, page_checksum_verification=True, pre_buffer=False)
            names = [file.schema_arrow.names[at] for at in self._places]
            for batch in file.iter_batches(_BATCH_ROWS, columns=names):
                yield pa.Table.from_batches([batch.rename_columns([field.name for field in self.fields])])
        except (pa.ArrowException, OSError) as error:
            raise RequestError(unreadable(self._path, error)) from error


def free_names(names: Sequence[str], own: Collection[str]) -> list[str]:
    """Give the names, each once and none of `own`: `input_` before a name that is taken, a number behind a repeated one."""
    taken, found = set(own), []
    for place, name in enumerate(names):
        name = name or f"column_{place}"
        free = f"input_{name}" if name in own else name
        number = 2
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        taken.add(free)
        found.append(free)
    return found


def _valid(cell: str | None) -> str | None:
    """A cell that Arrow takes: half a character, which JSON can write, is shown by its number."""
    return cell if cell is None or cell.isascii() else cell.encode("utf-8", "backslashreplace").decode()
