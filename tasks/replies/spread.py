"""Some labelled rows with their texts, at even distances, read without holding the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.prepare.read import iter_batches, iter_with_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def spread_rows(
    folder: Path, texts: Path, splits: Sequence[str], columns: Sequence[str], most: int
) -> tuple[list[dict[str, Any]], int]:
    """At most so many of the rows that have a label, in order, as dicts of `columns` and `text`; and how many there are.

    `folder` is a dataset or holdout, `texts` the part with the texts of its rows.
    """
    found = sum(len(batch) - batch.column("label").null_count for batch in iter_batches(folder, splits, ["label"], 65_536))
    wanted = np.linspace(0, found - 1, most).round().astype(np.int64) if found > most else np.arange(found)
    rows: list[dict[str, Any]] = []
    start = 0
    for batch in iter_with_texts(folder, texts, splits, list(dict.fromkeys(["label", *columns]))):
        labelled = batch.filter(pc.is_valid(batch.column("label")))
        first, last = np.searchsorted(wanted, [start, start + len(labelled)])
        rows += labelled.take(pa.array(wanted[first:last] - start)).select([*columns, "text"]).to_pylist()
        start += len(labelled)
    return rows, found
