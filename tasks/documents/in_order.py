"""Rows of an Arrow file in another order, in little memory.

Shapes: N rows.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def rows_in_order(path: Path, order_N: np.ndarray, rows: int) -> Iterator[pa.Table]:
    """Yield the rows with the numbers `order_N`, in tables of `rows`.

    The file is memory-mapped, and each table takes from one of its batches after another: Arrow's own `take` would first make
    one piece of all of them. Memory is such a table.
    """
    with pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        starts = np.cumsum([0, *(len(file.get_batch(number)) for number in range(file.num_record_batches))])
        for start in range(0, len(order_N), rows):
            wanted = order_N[start : start + rows]
            by_place = np.argsort(wanted, kind="stable")
            sorted_rows = wanted[by_place]
            bounds = np.searchsorted(sorted_rows, starts)
            pieces = [
                file.get_batch(number).take(pa.array(sorted_rows[low:high] - starts[number]))
                for number, (low, high) in enumerate(itertools.pairwise(bounds))
                if high > low
            ]
            back = np.empty(len(wanted), np.int64)
            back[by_place] = np.arange(len(wanted))
            yield pa.Table.from_batches(pieces).combine_chunks().take(pa.array(back))
