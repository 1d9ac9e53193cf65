"""A Parquet file cut into parts at whose rows nobody has looked yet: the worker that labels them makes records of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.arrow_rows import records_of
from tasks.documents.tally import Tally
from tasks.errors import RequestError
from tasks.in_use import unreadable
from tasks.score.label import RECORDS
from tasks.score.parts import BATCH, PART_CHARS, PART_ROWS
from tasks.score.texts import judged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.arrow_rows import ArrowColumns
    from tasks.documents.layout import Asked
    from tasks.documents.layouts.table import TableLayout
    from tasks.score.rest import ParquetRest

_READ_ROWS = 256


@dataclass(frozen=True)
class Table:
    """A file, and how its rows become records."""

    path: Path
    columns: ArrowColumns
    asked: Asked


@dataclass(frozen=True)
class ParquetPart:
    """Consecutive rows of a table, the first with the number `first`, from 0.

    `batches` have BATCH rows each, the last of the file fewer: columns with texts, and the values of the others.
    """

    table: Table
    first: int = 0
    batches: tuple[tuple[pa.RecordBatch, list[pa.Array]], ...] = ()
    tally: Tally = field(default_factory=lambda: Tally("utf-8", ""))

    def __str__(self) -> str:
        rows = sum(len(batch) for batch, _ in self.batches)
        return f"rows {self.first:,} to {self.first + rows - 1:,} of {self.table.asked.source}"

    def records(self) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        """Each batch as one of RECORDS; `tally` has counted them then."""
        table, numbers = self.table, itertools.count(self.first)
        for batch, rest in self.batches:
            ids, texts, reasons = list[str](), list[str | None](), list[str | None]()
            for record in records_of([batch], table.path, table.columns, table.asked, table.asked.source, numbers):
                text, reason = judged(record, self.tally, table.asked.reading.max_chars)
                ids.append(record.id)
                texts.append(text)
                reasons.append(reason)
            yield pa.record_batch([pa.array(column, pa.string()) for column in (ids, texts, reasons)], schema=RECORDS), rest


def cut_parquet(layout: TableLayout, rest: ParquetRest, *, rows: int = PART_ROWS) -> Iterator[ParquetPart]:
    """The file in parts: each ends with the batch in which it reaches so many rows, or PART_CHARS bytes.

    RequestError if the file cannot be read to its end.
    """
    table = Table(layout.path, layout.columns, layout.asked)
    first = held = size = 0
    batches: list[tuple[pa.RecordBatch, list[pa.Array]]] = []
    for batch in _batches(table):
        batches.append((batch, rest.take(range(len(batch)))))
        held, size = held + len(batch), size + batch.nbytes
        if held >= rows or size >= PART_CHARS:
            yield ParquetPart(table, first, tuple(batches))
            first, held, size, batches = first + held, 0, 0, []
    if batches:
        yield ParquetPart(table, first, tuple(batches))


def _batches(table: Table) -> Iterator[pa.RecordBatch]:
    """Batches of BATCH rows, read a few rows at a time: rows may be long."""
    waiting: list[pa.RecordBatch] = []
    rows = read = 0
    try:
        file = pq.ParquetFile(table.path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 16)
        for batch in file.iter_batches(_READ_ROWS, columns=table.columns.wanted):
            read += len(batch)
            while len(batch):
                piece = batch.slice(0, BATCH - rows)
                batch = batch.slice(len(piece))
                waiting.append(piece)
                rows += len(piece)
                if rows == BATCH:
                    yield pa.concat_batches(waiting)
                    waiting, rows = [], 0
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(table.path, error, after=f"row {max(read - 1, 0):,}")) from error
    if waiting:
        yield pa.concat_batches(waiting)
