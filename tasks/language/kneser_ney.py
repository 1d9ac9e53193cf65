"""An n-gram model with interpolated Kneser-Ney smoothing, the yardstick of a language model.

    p(w | u) = max(c(u w) - d, 0) / c(u .) + d n(u) / c(u .) p(w | v)

v is the context u without its first piece, n(u) how many different pieces follow u. Of the longest n-grams c counts how often
they are seen, of shorter ones how many different pieces come before them; below the shortest every piece has 1 / V. The
discount of each length is d = n1 / (n1 + 2 n2), by the n-grams that are counted once and twice (Kneser & Ney 1995; Chen &
Goodman 1999).

N-grams are numbered, length by length: one is known by the number of all of it but its last piece, and that piece. So all is
sorted arrays of int64, and no loop visits a piece.

Shapes: T places where a piece is predicted, G n-grams of a length, V pieces of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.model.language.spelling import found

NONE_ONCE, HIGH = 0.5, 0.99  # discounts where few texts have no n-gram that is counted once, or none that is counted twice


@dataclass(frozen=True)
class Grams:
    """The n-grams of one length: their keys, sorted, and the counts; of their contexts keys, sums and different successors."""

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    sums: np.ndarray
    followers: np.ndarray
    discount: float


class KneserNey:
    """The model of n-grams up to `order`, of texts of pieces below `num`."""

    def __init__(self, levels: list[Grams], num: int, end: int) -> None:
        self.levels, self.num, self.end = levels, num, end

    @classmethod
    def fit(cls, ids: np.ndarray, offsets: np.ndarray, order: int, num: int, end: int) -> KneserNey:
        """Count the n-grams of texts, int [T] and [N + 1]: each behind `order` - 1 ends, and with its own end last."""
        padded, places = _padded(ids, offsets, order, end)
        numbers = np.zeros(len(padded), np.int64)  # of the n-gram that ends here; of length 0 there is one
        keys, numbered, suffixes = [], [], []
        for length in range(1, order + 1):
            before = np.concatenate([[0], numbers[:-1]]) if length > 1 else numbers  # the context ends one place earlier
            key = before * num + padded
            reached = np.arange(len(padded)) >= length - 1
            own, place = np.unique(key[reached], return_inverse=True)
            suffix = np.zeros(len(own), np.int64)
            suffix[place] = numbers[reached]  # without its first piece: the n-gram one shorter that ends here
            numbers = np.full(len(padded), -1, np.int64)
            numbers[reached] = place
            keys.append(own)
            numbered.append(numbers)
            suffixes.append(suffix)
        levels = []
        for length in range(1, order + 1):
            own = keys[length - 1]
            if length == order:
                counts = np.bincount(numbered[-1][places], minlength=len(own))
            else:
                # Of each longer n-gram that ends where a piece is predicted one counts: the pieces before are told apart.
                longer = np.unique(numbered[length][places])
                counts = np.bincount(suffixes[length][longer], minlength=len(own))
            levels.append(_grams(own, counts, num))
        return cls(levels, num, end)

    def probabilities(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """The probability of each piece of texts, and of each text's end, behind those before it: float64 [T + N]."""
        order = len(self.levels)
        padded, places = _padded(ids, offsets, order, self.end)
        probability = np.full(len(places), 1.0 / self.num)
        numbers = np.zeros(len(padded), np.int64)  # of the n-gram that ends here, -1 where train has none such
        for length, grams in enumerate(self.levels, start=1):
            before = np.concatenate([[-1], numbers[:-1]]) if length > 1 else numbers
            key = np.where(before < 0, -1, before * self.num + padded)
            context = before[places]
            count, (total, followers) = (
                found(grams.keys, key[places], grams.counts),
                found(grams.contexts, context, grams.sums, grams.followers),
            )
            total = np.where(context < 0, 0, total)
            seen = np.maximum(count - grams.discount, 0.0) + grams.discount * followers * probability
            probability = np.where(total > 0, seen / np.maximum(total, 1), probability)
            numbers = _numbers(grams.keys, key)
        return probability


def _padded(ids: np.ndarray, offsets: np.ndarray, order: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Texts one after another, each behind `order` - 1 ends and before one; and the places where a piece is predicted."""
    lengths = np.diff(offsets)
    number = np.repeat(np.arange(len(lengths)), lengths)
    padded = np.full(len(ids) + order * len(lengths), end, np.int64)
    at = np.arange(len(ids)) + order * number + order - 1
    padded[at] = ids
    ends = np.cumsum(lengths + order) - 1
    return padded, np.sort(np.concatenate([at, ends]))


def _grams(keys: np.ndarray, counts: np.ndarray, num: int) -> Grams:
    """Leave out what is never predicted, and sum by context."""
    known = counts > 0
    contexts, place = np.unique(keys[known] // num, return_inverse=True)
    sums = np.bincount(place, weights=counts[known], minlength=len(contexts)).astype(np.int64)
    followers = np.bincount(place, minlength=len(contexts))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = min(once / (once + 2 * twice), HIGH) if once else NONE_ONCE
    return Grams(keys, counts.astype(np.int64), contexts, sums, followers, discount)


def _numbers(keys: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The number of each n-gram, -1 for one that train has not."""
    if not len(keys):
        return np.full(len(key), -1, np.int64)
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, place, -1)
