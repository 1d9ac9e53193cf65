"""An input cut into parts, and one part labelled: records in, the row groups of its rows out. Worker processes run this.

Where parts end follows from the input alone, and the row groups of the output do not follow from the parts.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.score.label import RECORDS, labelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents.record import Record
    from tasks.documents.tally import Tally
    from tasks.model.abstention import Promise
    from tasks.model.costs import Costs
    from tasks.register.handle import Handle
    from tasks.score.rest import Rest
    from tasks.score.watch import WatchList

BATCH = 1024  # rows that are labelled at once, and those of a row group
PART_ROWS = 4096
PART_CHARS = 8 << 20
WRITTEN: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


@dataclass(frozen=True)
class Part:
    """Consecutive records of the input `source`, the first with the number `first`, from 0.

    `batches` are of RECORDS, each of BATCH rows but the last of the input, with the values of the input's other columns.
    """

    source: str
    first: int = 0
    batches: tuple[tuple[pa.RecordBatch, list[pa.Array]], ...] = ()
    tally: Tally | None = None  # whoever read the records has counted them

    def __str__(self) -> str:
        rows = sum(len(records) for records, _ in self.batches)
        return f"documents {self.first + 1:,} to {self.first + rows:,} of {self.source}"

    def records(self) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        """Each batch of RECORDS."""
        return iter(self.batches)


@dataclass(frozen=True)
class Asked:
    """How every part is labelled; `schema` has the columns of the output, those of the input behind those of the model."""

    model: Handle
    rule: Promise | Costs | float | None
    explain: bool
    schema: pa.Schema
    watch: WatchList | None = None


class Unscored(Protocol):
    """A part of an input, in whatever form it is sent; its tally is None where whoever cut it has counted the records."""

    @property
    def tally(self) -> Tally | None:
        """The counts, once all records are made."""

    def records(self) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        """Each batch of RECORDS, with the values of the input's other columns."""


class ScoredPart(NamedTuple):
    """A Parquet file with the rows of a part, how many of them have each label and each reason for none, and their tally."""

    data: bytes
    labels: Counter[str]
    reasons: Counter[str]
    tally: Tally | None


def cut(texts: Iterator[Record], rest: Rest, source: str, *, rows: int = PART_ROWS) -> Iterator[Part]:
    """The input in parts: each ends with the batch in which it reaches so many rows, or PART_CHARS."""
    first = held = chars = 0
    batches: list[tuple[pa.RecordBatch, list[pa.Array]]] = []
    while batch := list(islice(texts, BATCH)):
        columns = [[record.id for record in batch], [record.text for record in batch], [record.reason for record in batch]]
        records = pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=RECORDS)
        batches.append((records, rest.take(batch)))
        held, chars = held + len(batch), chars + records.column("text").nbytes
        if held >= rows or chars >= PART_CHARS:
            yield Part(source, first, tuple(batches))
            first, held, chars, batches = first + held, 0, 0, []
    if batches:
        yield Part(source, first, tuple(batches))


def score_part(part: Unscored, asked: Asked) -> ScoredPart:
    """Label a part; one without records opens the model and nothing more."""
    loaded = asked.model.loaded
    labels, reasons = Counter[str](), Counter[str]()
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, asked.schema, **WRITTEN) as writer:
        for records, rest in part.records():
            scored = labelled(records, loaded, asked.rule, explain=asked.explain, watch=asked.watch)
            writer.write_batch(pa.record_batch([*scored.columns, *rest], schema=asked.schema))
            labels.update(label for label in scored.column("label").to_pylist() if label is not None)
            reasons.update(reason for reason in scored.column("reason").to_pylist() if reason is not None)
    return ScoredPart(sink.getvalue(), labels, reasons, part.tally)


def empty(asked: Asked) -> bytes:
    """The Parquet file of a part without records."""
    sink = io.BytesIO()
    pq.ParquetWriter(sink, asked.schema, **WRITTEN).close()
    return sink.getvalue()
