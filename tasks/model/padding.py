"""Batches of documents as rectangles of ids. Shapes: N documents, B documents of a batch, L tokens of the longest of those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


def ragged(
    offsets: np.ndarray, rows_B: np.ndarray, max_len: int | None = None, side: str = "head"
) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the flat ids of those documents' tokens, one after another, and each one's length.

    A document longer than `max_len` keeps its `head` or `tail`.
    """
    starts_B, lengths_B = offsets[rows_B], offsets[rows_B + 1] - offsets[rows_B]
    if max_len is not None:
        kept_B = np.minimum(lengths_B, max_len)
        starts_B = starts_B + (lengths_B - kept_B if side == "tail" else 0)
        lengths_B = kept_B
    before_B = np.cumsum(lengths_B) - lengths_B
    return np.repeat(starts_B - before_B, lengths_B) + np.arange(lengths_B.sum()), lengths_B


def padded(ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, *, max_len: int, side: str) -> np.ndarray:
    """Ids of those documents, int64 [B, L], zeros after a document's end."""
    positions, lengths_B = ragged(offsets, rows_B, max_len, side)
    tokens_BL = np.zeros((len(rows_B), int(lengths_B.max(initial=1))), np.int64)
    tokens_BL[np.arange(tokens_BL.shape[1]) < lengths_B[:, None]] = ids[positions]
    return tokens_BL


def by_length(lengths_N: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Rows of all documents from the shortest to the longest, so that little is padding."""
    rows_N = np.argsort(lengths_N, kind="stable")
    for start in range(0, len(rows_N), batch_size):
        yield rows_N[start : start + batch_size]
