"""A sample of some days' documents that depends on these documents alone: not on their order, their files or the refreshes.

The id of a document is a SHA-256, so those with the smallest ids are a random sample (a bottom-k sketch: Cohen & Kaplan 2007,
"Summarizing data using bottom-k sketches").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.monitor.tables import ALL, SCORED_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.monitor.state import MonitorState

MOST_READ = 200_000  # documents that one refresh reads for a sample: of longer pasts every second day, third day ...


def days_read(state: MonitorState, first: str, last: str) -> list[str]:
    """The days with documents from `first` to `last` (YYYY-MM-DD), evenly thinned where they hold more than MOST_READ."""
    counts = state.counts(ALL)
    held = counts.filter(pc.and_(pc.greater_equal(counts["day"], first), pc.less_equal(counts["day"], last)))
    days = held["day"].to_pylist()
    total = pc.sum(held["documents"]).as_py() or 0
    return days[:: max(1, -(-total // MOST_READ))]


def sample_documents(state: MonitorState, days: Sequence[str], most: int, columns: Sequence[str], model: str) -> pa.Table:
    """At most `most` documents of these days that `model` (NAME/VERSION; empty: any) has scored, by day and id.

    Holds no more than twice as many in memory, and what one file has.
    """
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in columns])
    held, waiting, num_waiting = schema.empty_table(), list[pa.RecordBatch](), 0
    read = [*columns, *(["model"] if model and "model" not in columns else [])]
    for batch in state.documents(set(days), read):
        rows = batch.filter(pc.equal(batch.column("model"), model)) if model else batch
        waiting.append(rows.select(list(columns)))
        num_waiting += rows.num_rows
        if num_waiting >= most:
            held, waiting, num_waiting = _smallest(held, waiting, schema, most), [], 0
    return _smallest(held, waiting, schema, most).sort_by([("day", "ascending"), ("id", "ascending")]).combine_chunks()


def _smallest(held: pa.Table, waiting: list[pa.RecordBatch], schema: pa.Schema, most: int) -> pa.Table:
    table = pa.concat_tables([held, pa.Table.from_batches(waiting, schema)])
    return table.sort_by([("id", "ascending")]).slice(0, most).combine_chunks()
