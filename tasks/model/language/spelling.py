"""What the spelling of a word costs in bits: a byte model, fitted on the words of train, for what a vocabulary lacks.

Byte n-grams, interpolated as Witten and Bell (1991) have it: after a context that was seen c times with t different bytes, a
byte has probability (count + t * probability after the shorter context) / (c + t), and after no context 1/257. The 257th symbol
ends a word, so the probabilities of all words sum to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "spelling.safetensors"
ORDER = 4  # the longest n-gram; a code of it fits an int64
SYMBOLS, STOP = 257, 256


class Spelling:
    """Byte n-grams of words: for each length their codes int64, sorted, and how often each was seen."""

    def __init__(self, codes: Sequence[np.ndarray], counts: Sequence[np.ndarray]) -> None:
        self.codes, self.counts = list(codes), list(counts)
        self._contexts = [_contexts(code, count) for code, count in zip(self.codes, self.counts, strict=True)]

    @classmethod
    def fit(cls, words: Sequence[bytes], weights: np.ndarray) -> Spelling:
        """Count the words' n-grams, each word as often as its weight, int64 [N], says."""
        grams, word = _grams(words)
        codes, counts = [], []
        for length in range(1, ORDER + 1):
            code, place = np.unique(grams[:, -length:] @ _powers(length), return_inverse=True)
            codes.append(code)
            counts.append(np.bincount(place, weights=weights[word], minlength=len(code)).astype(np.int64))
        return cls(codes, counts)

    def bits(self, words: Sequence[bytes]) -> np.ndarray:
        """Bits of each word's spelling, its end included: float64 [N]."""
        grams, word = _grams(words)
        probability = np.full(len(grams), 1 / SYMBOLS)
        for length, (codes, counts, (contexts, seen, kinds)) in enumerate(
            zip(self.codes, self.counts, self._contexts, strict=True), start=1
        ):
            code = grams[:, -length:] @ _powers(length)
            count, (total, different) = found(codes, code, counts), found(contexts, code // SYMBOLS, seen, kinds)
            after = (count + different * probability) / np.maximum(total + different, 1)
            probability = np.where(total > 0, after, probability)
        return np.bincount(word, weights=-np.log2(probability), minlength=len(words))

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        from safetensors.numpy import save_file

        tensors = {f"codes.{at}": code for at, code in enumerate(self.codes)}
        save_file(tensors | {f"counts.{at}": count for at, count in enumerate(self.counts)}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Spelling:
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        tensors = load_file(folder / FILE)
        return cls(*([tensors[f"{name}.{at}"] for at in range(ORDER)] for name in ("codes", "counts")))


def found(sorted_keys: np.ndarray, keys: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """The values of keys in a sorted array, zeros for those that are not there: [N], or [K, N] for several values."""
    if not len(sorted_keys):
        results = np.zeros((len(values), len(keys)), np.int64)
    else:
        place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
        there = sorted_keys[place] == keys
        results = np.stack([np.where(there, each[place], 0) for each in values])
    return results[0] if len(values) == 1 else results


def _contexts(codes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What comes before the last symbol of n-grams: codes, how often each was seen, and with how many different symbols."""
    contexts, place = np.unique(codes // SYMBOLS, return_inverse=True)
    seen = np.bincount(place, weights=counts, minlength=len(contexts)).astype(np.int64)
    return contexts, seen, np.bincount(place, minlength=len(contexts))


def _grams(words: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """For each byte and each end of the words the n-gram that it ends, int64 [G, ORDER], and which word it is of, int64 [G]."""
    lengths = np.fromiter((len(word) + ORDER for word in words), np.int64, len(words))
    symbols = np.full(int(lengths.sum()), STOP, np.int64)  # ORDER - 1 before a word, one after it
    ends = np.cumsum(lengths)
    word = np.repeat(np.arange(len(words)), lengths)
    place = np.arange(len(symbols)) - np.repeat(ends - lengths, lengths)
    symbols[(place >= ORDER - 1) & (place < lengths[word] - 1)] = np.frombuffer(b"".join(words), np.uint8)
    if not len(symbols):
        return np.zeros((0, ORDER), np.int64), np.zeros(0, np.int64)
    last = np.flatnonzero(place >= ORDER - 1)
    return symbols[last[:, None] + np.arange(1 - ORDER, 1)], word[last]


def _powers(length: int) -> np.ndarray:
    return SYMBOLS ** np.arange(length - 1, -1, -1, dtype=np.int64)
