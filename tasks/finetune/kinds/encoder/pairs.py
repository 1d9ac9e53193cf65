"""Pairs of texts of one label and of two, drawn a batch at a time: what contrastive tuning reads.

In go labels and random numbers, out come rows of texts, two and two. An epoch's pairs are never all in memory.

Shapes: N texts, B texts of a batch, which are B / 2 pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


def reads_of_a_text(pairs: int) -> int:
    """How often an epoch reads each text on average: it begins `pairs` pairs of each sort, and a pair has two texts."""
    return 4 * pairs


def drawn_pairs(labels_N: np.ndarray, pairs: int, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows [B] of each batch of an epoch, the two of a pair side by side.

    Each text begins `pairs` pairs with another text of its label and as many with one of another label, by chance and with
    repetition (Tunstall et al. 2022, section 3). The only text of its label is paired with itself.
    """
    own = [np.flatnonzero(labels_N == label) for label in range(int(labels_N.max(initial=0)) + 1)]
    before = [rows - np.arange(len(rows)) for rows in own]  # how many rows of other labels come before each of them
    waiting: list[int] = []
    for _ in range(pairs):
        for row in order.permutation(len(labels_N)).tolist():
            label = labels_N[row]
            alike = own[label]
            place = int(order.integers(max(len(alike) - 1, 1)))
            same = alike[place + (alike[place] >= row)] if len(alike) > 1 else row  # any but the text itself
            other = int(order.integers(len(labels_N) - len(alike)))  # the number of a row among those of other labels
            different = other + int(np.searchsorted(before[label], other, side="right"))
            waiting += [row, int(same), row, different]
            while len(waiting) >= batch_size:
                yield np.array(waiting[:batch_size])
                waiting = waiting[batch_size:]
    if waiting:
        yield np.array(waiting)
