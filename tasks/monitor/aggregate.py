"""Count a batch of scored documents into the aggregates.

Shapes: N documents of a batch, K pairs of a document and one of its topics or names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.monitor.tables import (
    ALL,
    CONFIDENCE,
    LABEL,
    LENGTH,
    NAME,
    TOKENS,
    TOPIC,
    UNSEEN,
    UNSEEN_TOKENS,
    confidence_bins,
    length_bins,
    unseen_bins,
)
from tasks.monitor.towards import labels_and_negative, pairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLION = 1_000_000


def count_series(batch: pa.RecordBatch, negative: str) -> list[tuple[str, str, int, int, int]]:
    """Rows (series, day, documents, negative, negative_millionths) of the batch, sums over its documents.

    In the series of a name a document counts by its sentiment towards that name.
    """
    series, rows_K, name_rows = _series(batch)
    towards, negative_T = labels_and_negative(batch, name_rows)
    others_K = rows_K[: len(rows_K) - len(name_rows)]  # pairs of a document and the stream or a topic, which are first
    labels = pa.concat_arrays([batch.column("label").take(pa.array(others_K)), towards])
    negative_K = np.concatenate([batch.column("negative").to_numpy(zero_copy_only=False)[others_K], negative_T])
    table = pa.table(
        {
            "series": series,
            "day": batch.column("day").cast(pa.string()).take(pa.array(rows_K)),
            "documents": np.ones(len(rows_K), np.int64),
            "negative": pc.equal(labels, negative).cast(pa.int64()),
            "millionths": np.rint(negative_K.astype(np.float64) * MILLION).astype(np.int64),
        }
    )
    sums = table.group_by(["series", "day"]).aggregate([(name, "sum") for name in ("documents", "negative", "millionths")])
    return _rows(sums, ["series", "day", "documents_sum", "negative_sum", "millionths_sum"])


def count_histograms(batch: pa.RecordBatch, label_bins: Mapping[str, int]) -> list[tuple[str, str, int, int]]:
    """Rows (feature, day, bin, documents) of the batch; `label_bins` numbers every label that occurs in it."""
    tokens_N, unseen_N = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("tokens", "unseen"))
    labels = pc.index_in(batch.column("label"), value_set=pa.array(list(label_bins), pa.string()))
    numbers_N = np.array(list(label_bins.values()), np.int64)[labels.to_numpy(zero_copy_only=False)]
    one_N, zero_N = np.ones(batch.num_rows, np.int64), np.zeros(batch.num_rows, np.int64)
    features = {
        LABEL: (numbers_N, one_N),
        CONFIDENCE: (confidence_bins(batch.column("confidence").to_numpy(zero_copy_only=False)), one_N),
        LENGTH: (length_bins(tokens_N), one_N),
        UNSEEN: (unseen_bins(tokens_N, unseen_N), one_N),
        TOKENS: (zero_N, tokens_N.astype(np.int64)),
        UNSEEN_TOKENS: (zero_N, unseen_N.astype(np.int64)),
    }
    day, rows = batch.column("day").cast(pa.string()), []
    for feature, (bins_N, amounts_N) in features.items():
        table = pa.table({"day": day, "bin": bins_N, "documents": amounts_N})
        sums = table.group_by(["day", "bin"]).aggregate([("documents", "sum")])
        rows += [(feature, *row) for row in _rows(sums, ["day", "bin", "documents_sum"])]
    return rows


def count_models(batch: pa.RecordBatch) -> list[tuple[str, str, int]]:
    """Rows (model, day, documents) of the batch."""
    table = pa.table({"model": batch.column("model"), "day": batch.column("day").cast(pa.string())})
    return _rows(table.group_by(["model", "day"]).aggregate([([], "count_all")]), ["model", "day", "count_all"])


def _series(batch: pa.RecordBatch) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """The series that each document counts in: names [K], the rows [K] of the documents, and the last of these, of names."""
    topics, topic_rows = _flat(batch.column("topics"), batch.column("topics").keys)
    labels, _ = _flat(batch.column("topics"), batch.column("topics").items)
    names, name_rows = pairs_of(batch.column("names"))
    every = pa.array([ALL], pa.string()).take(pa.array(np.zeros(batch.num_rows, np.int64)))
    series = [
        every,
        pc.binary_join_element_wise(pc.binary_join_element_wise(TOPIC, topics, ""), labels, "/"),
        pc.binary_join_element_wise(NAME, names, ""),
    ]
    return pa.concat_arrays(series), np.concatenate([np.arange(batch.num_rows), topic_rows, name_rows]), name_rows


def _flat(column: pa.Array, values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The values of a map column one after another, and the row of each; right for slices of a column too."""
    offsets = column.offsets.to_numpy()
    return values[offsets[0] : offsets[-1]], np.repeat(np.arange(len(column)), np.diff(offsets))


def _rows(table: pa.Table, columns: list[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
