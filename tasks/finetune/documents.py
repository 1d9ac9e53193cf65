"""Encoded documents, on disk where they are many, and the order in which training reads them.

Shapes: N documents, T tokens of all of them, B documents of a batch, U unseen words, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

WINDOW_BATCHES = 50  # documents are sorted by length only among those of this many batches, so the order stays random


@dataclass(frozen=True)
class Documents:
    """One split as ids: `ids` int32 [T], `offsets` int64 [N + 1], `labels` int64 [N], `names` [N]; memory maps where many.

    `unseen` float32 [U, D] holds the vectors of ids beyond the vocabulary.
    """

    ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    names: pa.Array | pa.ChunkedArray
    unseen: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, num_documents: int) -> Documents:
        """The first documents, at most that many."""
        return self.part(0, num_documents)

    def part(self, start: int, stop: int) -> Documents:
        """The documents from `start` to before `stop`; offsets still count from the first of all."""
        offsets = self.offsets[start : stop + 1]
        return Documents(self.ids[: offsets[-1]], offsets, self.labels[start:stop], self.names[start:stop], self.unseen)


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
