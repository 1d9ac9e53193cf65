"""Encoded documents, on disk where they are many, and the order in which training reads them.

Shapes: N documents, T tokens of all of them, B documents of a batch, L tokens of the longest of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

WINDOW_BATCHES = 50  # documents are sorted by length only among those of this many batches, so the order stays random


@dataclass(frozen=True)
class Documents:
    """One split as ids: `ids` int32 [T], `offsets` int64 [N + 1], `labels` int64 [N], `names` [N]; memory maps where many.

    `unseen` [U, D] holds the vectors that ids beyond the vocabulary stand for.
    """

    ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    names: pa.Array | pa.ChunkedArray
    unseen: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, num_documents: int) -> Documents:
        """The first documents, at most that many."""
        return self.part(0, num_documents)

    def part(self, start: int, stop: int) -> Documents:
        """The documents from `start` to before `stop`; offsets still count from the first of all."""
        offsets = self.offsets[start : stop + 1]
        return Documents(self.ids[: offsets[-1]], offsets, self.labels[start:stop], self.names[start:stop], self.unseen)


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


def flat_batch(ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """What the bag reads: ids of the documents one after another (int64), and offsets [B + 1]."""
    positions, lengths_B = ragged(offsets, rows_B)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths_B, dtype=np.int64)])
    return torch.from_numpy(ids[positions].astype(np.int64)), torch.from_numpy(ends)


def padded_batch(ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, *, max_len: int, side: str) -> torch.Tensor:
    """What the neural models read: ids [B, L], int64, zeros after a document's end."""
    positions, lengths_B = ragged(offsets, rows_B, max_len, side)
    tokens_BL = np.zeros((len(rows_B), int(lengths_B.max(initial=1))), np.int64)
    tokens_BL[np.arange(tokens_BL.shape[1]) < lengths_B[:, None]] = ids[positions]
    return torch.from_numpy(tokens_BL)


def shuffled(num_documents: int, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of the batches of one epoch, in random order."""
    rows_N = order.permutation(num_documents)
    for start in range(0, num_documents, batch_size):
        yield rows_N[start : start + batch_size]


def bucketed(lengths_N: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of the batches of one epoch: random, but documents of like length together, so that little is padding."""
    rows_N = order.permutation(len(lengths_N))
    batches = []
    for start in range(0, len(rows_N), batch_size * WINDOW_BATCHES):
        window = rows_N[start : start + batch_size * WINDOW_BATCHES]
        window = window[np.argsort(lengths_N[window], kind="stable")]
        batches += [window[at : at + batch_size] for at in range(0, len(window), batch_size)]
    for number in order.permutation(len(batches)):
        yield batches[number]


def by_length(lengths_N: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Rows of all documents from the shortest to the longest, for reading without training."""
    rows_N = np.argsort(lengths_N, kind="stable")
    for start in range(0, len(rows_N), batch_size):
        yield rows_N[start : start + batch_size]
