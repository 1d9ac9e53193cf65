"""Deal labelled rows into folds: labels spread evenly, groups whole, by chance that a seed decides.

Shapes: N rows, C labels, F folds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.tune.groups import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.tune.settings import DealConfig

FOLDS, SCORES = "folds.parquet", "scores.json"  # the second of each fold
SCHEMA = pa.schema([("id", pa.string()), ("fold", pa.int16())])


def write_deal(config: DealConfig, dataset: Path, folder: Path, *, corpus: Path | None = None) -> dict[str, Any]:
    """Write the fold of each train and valid row of `dataset` as folds.parquet; the report.

    `corpus` is the folder of the corpus, where rows of one value of a kept column stay together. RequestError if a fold would
    be empty.
    """
    rows = read_rows(dataset, similarity=config.similarity, column=config.column, corpus=corpus)
    folds_N = deal(rows.labels, rows.groups, config.folds, config.seed)
    sizes_F = np.bincount(folds_N, minlength=config.folds)
    _, sizes = np.unique(rows.groups, return_counts=True)
    if not sizes_F.all():
        raise RequestError(
            f"{len(rows.ids):,} train and validation rows in {len(sizes):,} groups that stay together cannot fill "
            f"{config.folds} folds; use fewer with --folds"
        )
    pq.write_table(
        pa.table([rows.ids, folds_N.astype(np.int16)], schema=SCHEMA),
        folder / FOLDS,
        compression="zstd",
        write_page_checksum=True,
    )
    names, counts = np.unique(rows.labels, return_counts=True)
    return {
        "folds": config.folds,
        "seed": config.seed,
        "rows": len(rows.ids),
        "sizes": sizes_F.tolist(),
        "groups": len(sizes),
        "largest_group": int(sizes.max()),
        "column": config.column,
        "rare": {str(name): int(count) for name, count in zip(names, counts, strict=True) if count < config.folds},
    }


def read_deal(folder: Path, fold: int) -> list[str]:
    """The ids of the rows of one fold."""
    with pq.ParquetFile(folder / FOLDS, page_checksum_verification=True) as file:
        table = file.read()
    return table.filter(pa.array(table.column("fold").to_numpy() == fold)).column("id").to_pylist()


def deal(labels: Sequence[str], groups_N: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, int64 [N]: rows of one group share it, and each label is spread as evenly as groups allow.

    Groups of several rows come first, the largest first, each to the fold that has least of its labels; rows that are alone
    then level what is left.
    """
    random = np.random.default_rng(seed)
    _, labels_N = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    _, group_N, sizes_G = np.unique(groups_N, return_inverse=True, return_counts=True)
    num_labels = int(labels_N.max(initial=-1)) + 1
    counts_FC = np.zeros((folds, num_labels), np.int64)
    folds_N = np.full(len(labels_N), -1, np.int64)
    share_C = 1.0 / np.maximum(np.bincount(labels_N, minlength=num_labels), 1)
    several = np.flatnonzero(sizes_G[group_N] > 1)
    several = several[np.argsort(group_N[several], kind="stable")]
    parts = np.split(several, np.flatnonzero(np.diff(group_N[several])) + 1) if len(several) else []
    order = random.permutation(len(parts))
    for at in order[np.argsort([-len(parts[at]) for at in order], kind="stable")]:
        own_C = np.bincount(labels_N[parts[at]], minlength=num_labels)
        crowd_F = counts_FC @ (own_C * share_C)
        fold = np.lexsort((counts_FC.sum(1), crowd_F))[0]
        counts_FC[fold] += own_C
        folds_N[parts[at]] = fold
    for label in range(num_labels):
        alone = random.permutation(np.flatnonzero((labels_N == label) & (folds_N < 0)))
        added_F = levelled(counts_FC[:, label], counts_FC.sum(1), len(alone))
        folds_N[alone] = np.repeat(np.arange(folds), added_F)
        counts_FC[:, label] += added_F
    return folds_N


def levelled(counts_F: np.ndarray, totals_F: np.ndarray, num: int) -> np.ndarray:
    """How many of `num` rows each fold gets so that `counts_F` end as level as they can; the last go where totals are least."""
    if not num:
        return np.zeros(len(counts_F), np.int64)
    lowest_F = np.sort(counts_F)
    filled = np.arange(1, len(lowest_F) + 1)
    level_F = -(-(num + np.cumsum(lowest_F)) // filled)  # if only so many of the lowest folds get any
    enough_F = level_F <= np.append(lowest_F[1:], np.iinfo(np.int64).max)
    added_F = np.maximum(int(level_F[enough_F.argmax()]) - counts_F, 0)
    too_many = int(added_F.sum()) - num
    fullest = [fold for fold in np.argsort(-totals_F, kind="stable") if added_F[fold]]
    added_F[fullest[:too_many]] -= 1
    return added_F
