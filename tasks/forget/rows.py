"""The rows of corpora and monitors that hold a text: their whole texts are forgotten with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from tasks.forget.forms import Wanted

BATCH_ROWS = 4096


@dataclass
class Rows:
    """How many rows hold a text, their texts, and the pieces of these that other rows have too."""

    number: int = 0
    texts: dict[str, None] = field(default_factory=dict)
    shared: set[bytes] = field(default_factory=set)


def rows_with(tables: Iterable[Path], wanted: Wanted) -> Rows:
    """Read the column `text` of Parquet files; one that is damaged or has no such column is left out."""
    rows = Rows()
    for path in tables:
        for batch in _batches(path, ["text"]):
            texts = batch.column("text").drop_null().to_pylist()
            held, shared = wanted.judged(texts)
            rows.number += len(held)
            rows.texts |= {texts[at]: None for at in held}
            rows.shared |= shared
    return rows


def texts_of_ids(corpora: Iterable[Path], ids: Collection[str]) -> dict[str, dict[str, list[Path]]]:
    """The texts that rows with these ids have, each with the corpora that have it so."""
    found: dict[str, dict[str, list[Path]]] = {}
    asked = pa.array(list(ids), pa.string())
    for path in corpora:
        for batch in _batches(path, ["id", "text"]):
            rows = batch.filter(pc.is_in(batch.column("id"), value_set=asked)).to_pylist()
            for row in rows:
                found.setdefault(row["id"], {}).setdefault(row["text"], []).append(path)
    return found


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            if set(columns) <= set(file.schema_arrow.names):
                yield from file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
    except (OSError, pa.ArrowException):
        return
