"""Word vectors as directions: who is near whom.

Shapes: V words, D dimensions, N words asked about.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK = 8192  # words compared at a time
ASKED = 256  # words asked about at a time


class WordSpace:
    """Words in order of frequency and their vectors at unit length, float32 [V, D]; a vector of zeros stays one."""

    def __init__(self, words: Sequence[str], matrix_VD: np.ndarray) -> None:
        self.words = words
        self.unit_VD = np.empty(matrix_VD.shape, np.float32)
        for start in range(0, len(words), BLOCK):
            block_VD = matrix_VD[start : start + BLOCK]
            lengths_V1 = np.linalg.norm(block_VD, axis=1, keepdims=True)
            self.unit_VD[start : start + BLOCK] = block_VD / np.where(lengths_V1 > 0, lengths_V1, 1)

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word; of a word that stands there twice the first."""
        return {word: len(self.words) - 1 - row for row, word in enumerate(reversed(self.words))}

    def row(self, word: str) -> int:
        """Row of a word as it is spelled, else in lower case; -1 if it has no vector."""
        row = self.index.get(word, self.index.get(word.lower(), -1))
        return row if row >= 0 and self.unit_VD[row].any() else -1

    @cached_property
    def _capitals(self) -> dict[str, int]:
        """Row of the first word, so the most frequent one, of each spelling in capitals."""
        return {word.upper(): len(self.words) - 1 - row for row, word in enumerate(reversed(self.words))}

    @cached_property
    def alike(self) -> np.ndarray:
        """For each word the row of the first that differs from it in case at most: its own or an earlier one; int64 [V]."""
        return np.fromiter((self._capitals[word.upper()] for word in self.words), np.int64, len(self.words))

    def row_in_any_case(self, word: str) -> int:
        """Row of the most frequent word that differs from this one in case at most; -1 if it has no vector."""
        row = self._capitals.get(word.upper(), -1)
        return row if row >= 0 and self.unit_VD[row].any() else -1

    def cosines(self, first_N: np.ndarray, second_N: np.ndarray) -> np.ndarray:
        """Cosine of the vectors in each pair of rows; float32 [N]."""
        return np.einsum("nd,nd->n", self.unit_VD[first_N], self.unit_VD[second_N])

    def nearest(self, rows_N: Sequence[int], number: int) -> list[list[tuple[str, float]]]:
        """The `number` nearest words to each of these, with their cosine, the nearest first; a word is no neighbour of its own.

        Memory is bounded: ASKED words are compared at a time, with BLOCK others.
        """
        rows = np.asarray(rows_N, np.int64)
        found: list[list[tuple[str, float]]] = []
        for start in range(0, len(rows), ASKED):
            found += self._nearest(rows[start : start + ASKED], number)
        return found

    def _nearest(self, rows_N: np.ndarray, number: int) -> list[list[tuple[str, float]]]:
        best = np.zeros((len(rows_N), 0), np.float32)
        words = np.zeros((len(rows_N), 0), np.int64)
        for start in range(0, len(self), BLOCK):
            cosine_NV = self.unit_VD[rows_N] @ self.unit_VD[start : start + BLOCK].T
            here = np.flatnonzero((rows_N >= start) & (rows_N < start + BLOCK))
            cosine_NV[here, rows_N[here] - start] = -np.inf
            best = np.concatenate([best, cosine_NV], axis=1)
            numbers = np.arange(start, start + cosine_NV.shape[1])
            words = np.concatenate([words, np.broadcast_to(numbers, cosine_NV.shape)], axis=1)
            kept = np.argsort(-best, axis=1, kind="stable")[:, :number]
            best, words = np.take_along_axis(best, kept, 1), np.take_along_axis(words, kept, 1)
        return [
            [(self.words[word], float(cosine)) for word, cosine in zip(row, value, strict=True) if np.isfinite(cosine)]
            for row, value in zip(words.tolist(), best.tolist(), strict=True)
        ]
