"""With which batch each test row came: in go the test rows and the champion's package, out comes a number for each row.

What trains is never handed this: it is for measuring, and for the package, so that the next run knows the rows again.

    batches.safetensors   `test`: distinct hashes of the test rows, sorted; `batch`: of each; `rows`: of each test row, in order

Shapes: N test rows, T distinct ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tasks.prepare.read import iter_batches
from tasks.warm.lineage import hashes_of, read_known, read_lineage

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.warm.settings import BatchesConfig

BATCHES = "batches.safetensors"
LAST = np.iinfo(np.uint16).max  # batches beyond count as this one


def write_batches(config: BatchesConfig, holdout: Path, folder: Path) -> dict[str, Any]:
    """Number the test rows; the report has the rows of each batch, and how many the champion was trained on.

    Rows that the champion's package has among its test rows keep their batch; the others are the next one. A champion that
    tells nothing of its rows leaves all of them to the first batch.
    """
    parts = [hashes_of(batch.column("tokens")) for batch in iter_batches(holdout, ("test",), ["tokens"])]
    hashes_N = np.concatenate([np.zeros(0, np.uint64), *parts])
    test_T, row_N = np.unique(hashes_N, return_inverse=True)
    batch_T, trained_on = np.zeros(len(test_T), np.uint16), 0
    if config.champion is not None and read_lineage(config.champion) is not None:
        known = read_known(config.champion)
        trained_on = int(np.isin(hashes_N, known.hashes).sum())
        place_T = np.searchsorted(known.test, test_T).clip(max=max(len(known.test) - 1, 0))
        there_T = known.test[place_T] == test_T if len(known.test) else np.zeros(len(test_T), bool)
        following = min(int(known.batch.max(initial=0)) + (1 if len(known.batch) else 0), LAST)
        batch_T[:] = following
        batch_T[there_T] = known.batch[place_T[there_T]]
    rows_N = batch_T[row_N]
    save_file({"test": test_T, "batch": batch_T, "rows": rows_N}, folder / BATCHES)
    return {"rows": np.bincount(rows_N).tolist(), "trained_on": trained_on}


def read_batches(folder: Path) -> dict[str, np.ndarray]:
    """`test`, `batch` and `rows` as `write_batches` wrote them."""
    found: dict[str, np.ndarray] = load_file(folder / BATCHES)
    return found
