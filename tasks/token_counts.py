"""How often each token occurs, without a Python object per token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

# Distinct tokens of unmerged batches that are held before they are summed up.
MERGE_ROWS = 500_000


class TokenCounts:
    """A running count; memory grows with the distinct tokens, not with the text."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._waiting = 0

    def add(self, tokens: pa.Array) -> None:
        """Count a flat array of tokens (strings, large strings, or a dictionary of them); nulls are left out."""
        pairs = pc.value_counts(tokens.drop_null())
        self._parts.append(pa.table({"token": pairs.field("values").cast(pa.string()), "count": pairs.field("counts")}))
        self._waiting += len(pairs)
        if self._waiting > MERGE_ROWS:
            self._merge()

    def table(self) -> pa.Table:
        """Each distinct token once, by count from the largest, then by token: columns token (string), count (int64)."""
        self._merge()
        counted = self._parts[0]
        return counted.take(pc.sort_indices(counted, sort_keys=[("count", "descending"), ("token", "ascending")]))

    def _merge(self) -> None:
        empty = pa.table({"token": pa.array([], pa.string()), "count": pa.array([], pa.int64())})
        summed = pa.concat_tables([empty, *self._parts]).group_by("token").aggregate([("count", "sum")])
        self._parts = [pa.table({"token": summed["token"], "count": summed["count_sum"]})]
        self._waiting = 0


def count_tokens(batches: Iterable[pa.Array]) -> pa.Table:
    """Count the tokens of all batches of documents (lists of tokens); see TokenCounts.table."""
    counts = TokenCounts()
    for batch in batches:
        counts.add(batch.flatten())
    return counts.table()
