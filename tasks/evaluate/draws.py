"""Draw a few labelled rows a class from a dataset and write them as a dataset of their own.

In go prepare's parts `dataset` and `texts`, out come the same two parts with some of the rows. A draw of more rows holds every
row of the draw of fewer by the same number, so a learning curve has no jumps that are other rows alone.

Shapes: N rows.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.prepare.read import DATASET, LABELS, TEXTS, iter_batches
from tasks.prepare.schema import SCHEMA, TEXTS_SCHEMA, RowGroups

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SMALLEST = 8  # rows a class; the next sizes are twice the one before


def sizes(rows: Mapping[str, int], most: int) -> list[int]:
    """Rows a class of each draw: 8, 16, 32 ... as long as at least half of the classes have so many, and at most `most`.

    `rows` counts the labelled rows of each class that may be trained or chosen on.
    """
    median = sorted(rows.values())[len(rows) // 2] if rows else 0
    found, size = [], SMALLEST
    while size <= min(median, most):
        found.append(size)
        size *= 2
    return found


def write_draw(
    dataset: Path, texts: Path | None, per_class: int, draw: int, seed: int, folder: Path, *, unlabelled: bool
) -> dict[str, Any]:
    """Write dataset/ and, if `texts` is given, texts/ with that many labelled rows a class into `folder`; their numbers.

    A class with fewer rows gives all. Rows are drawn from train and from valid in the proportion that these have, at least
    one of each, so a row stays on its side: nothing leaks, and what the model chooses on counts as labelled too.
    `unlabelled`: the rows without a label stay.
    """
    rows = {split: _labelled(dataset, split) for split in ("train", "valid")}
    totals = {split: len(ids) for split, (ids, _) in rows.items()}
    wanted_valid = max(round(per_class * totals["valid"] / max(sum(totals.values()), 1)), 1)
    wanted = {"train": max(per_class - wanted_valid, 1), "valid": wanted_valid}
    chosen: list[str] = []
    counts = {}
    for number, (split, (ids, labels)) in enumerate(rows.items()):
        kept = _first_of_each(labels, wanted[split], np.random.default_rng([seed, draw, number]))
        counts[split] = len(kept)
        chosen += [ids[row] for row in kept]
    splits = ("train", "valid", *(("unlabelled",) if unlabelled else ()))
    keep = pa.array(chosen, pa.string())
    (folder / "dataset").mkdir(parents=True)
    shutil.copyfile(dataset / LABELS, folder / "dataset" / LABELS)
    with RowGroups(folder / "dataset" / DATASET, SCHEMA) as writer:
        for batch in iter_batches(dataset, splits, SCHEMA.names):
            writer.add(batch.filter(_stays(batch, keep)))
    if texts is not None:
        (folder / "texts").mkdir()
        with RowGroups(folder / "texts" / TEXTS, TEXTS_SCHEMA) as writer:
            for batch in iter_batches(texts, splits, TEXTS_SCHEMA.names):
                writer.add(batch.filter(_stays(batch, keep)))
    return counts


def _labelled(dataset: Path, split: str) -> tuple[list[str], np.ndarray]:
    """Ids and labels [N] of the rows of a split."""
    ids: list[str] = []
    labels: list[str] = []
    for batch in iter_batches(dataset, (split,), ["id", "label"]):
        ids += batch.column("id").to_pylist()
        labels += batch.column("label").to_pylist()
    return ids, np.array(labels, object)


def _first_of_each(labels_N: np.ndarray, number: int, order: np.random.Generator) -> list[int]:
    """The rows of each class that come first in a random order, at most that many, in the dataset's order."""
    shuffled_N = order.permutation(len(labels_N))
    kept: list[int] = []
    for label in sorted(set(labels_N.tolist())):
        kept += shuffled_N[labels_N[shuffled_N] == label][:number].tolist()
    return sorted(kept)


def _stays(batch: pa.RecordBatch, keep: pa.Array) -> pa.Array:
    return pc.or_(pc.is_in(batch.column("id"), value_set=keep), pc.equal(batch.column("split"), "unlabelled"))
