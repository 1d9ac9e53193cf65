"""Rows whose label is probably wrong, as `--evaluate.wrong-labels` ranked them (tasks/certainty), with their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.certainty.wrong_labels import ISSUES
from tasks.labels.content import content_key
from tasks.prepare.read import iter_texts
from tasks.review.schema import RANDOM, WRONG, Chosen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path


def doubted(wrong_labels: Path, prepared: Path, rows: int, judged: Collection[str]) -> list[Chosen]:
    """The first `rows` rows of the ranking of a run that are issues, the most doubtful first.

    `wrong_labels` and `prepared` are folders of the steps wrong_labels and prepare; rows whose `content_key` is among `judged`
    are left out: a person has looked at them.
    """
    table = pq.read_table(wrong_labels / ISSUES).filter(pc.field("issue"))
    found: list[Chosen] = []
    for start in range(0, len(table), max(rows, 1)):
        found += _chosen(table.slice(start, max(rows, 1)).to_pylist(), prepared, judged, WRONG)
        if len(found) >= rows:
            break
    return found[:rows]


def drawn(wrong_labels: Path, prepared: Path, rows: int, judged: Collection[str], seed: int) -> list[Chosen]:
    """Train rows drawn at random, which tell what share of all labels is wrong."""
    table = pq.read_table(wrong_labels / ISSUES).sort_by("id")
    order = np.random.default_rng(seed).permutation(len(table))[: 2 * rows + 10]
    return _chosen(table.take(pa.array(order)).to_pylist(), prepared, judged, RANDOM)[:rows]


def _chosen(rows: Sequence[dict[str, Any]], prepared: Path, judged: Collection[str], why: str) -> list[Chosen]:
    wanted, texts = pa.array([row["id"] for row in rows], pa.string()), dict[str, str]()
    for batch in iter_texts(prepared / "texts", ("train",)) if rows else ():
        held = batch.filter(pc.is_in(batch.column("id"), value_set=wanted))
        texts.update(zip(held.column("id").to_pylist(), held.column("text").to_pylist(), strict=True))
    found = []
    for row in rows:
        key = content_key(texts[row["id"]])
        if key in judged:
            continue
        as_given = why == RANDOM and row["probability"] >= row["suggested_probability"]
        label = row["label"] if as_given else row["suggested"]
        confidence = row["probability"] if as_given else row["suggested_probability"]
        found.append(
            Chosen(why, texts[row["id"]], row["label"], label, confidence, 1 - row["probability"], row["id"], None, key)
        )
    return found
