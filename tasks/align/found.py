"""The words that the readers of vectors look for, and the vectors that they find.

Shapes: N wanted words, K words found, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_DIM = 10_000


@dataclass(frozen=True)
class WordVectors:
    """Vectors of K of the wanted words: the position of each among them (int64 [K]), and its vector (float32 [K, D]).

    `num_vectors` counts all that the source holds, `num_duplicates` the further vectors of wanted words that have one.
    """

    positions: np.ndarray
    vectors: np.ndarray
    num_vectors: int = 0
    num_duplicates: int = 0

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.vectors.shape[1])


class Positions(Protocol):
    """The positions of the wanted words, by their UTF-8."""

    def get(self, word: bytes, /) -> int | None:
        """The position of a wanted word; None for any other."""


class Collector:
    """Keeps the first vector of each wanted word; memory depends on the number of words, not on the file."""

    def __init__(self, wanted: Sequence[str], most: int | None = None) -> None:
        # A lone surrogate has no UTF-8, so that no file of vectors holds it.
        self.positions: Positions = {word.encode("utf-8", "replace"): position for position, word in enumerate(wanted)}
        self.num_duplicates = 0
        self.num_found = 0
        self._wanted = wanted
        most = len(wanted) if most is None else most
        self._claimed = bytearray(most)
        self._found = np.empty(most, dtype=np.int64)
        self._vectors_ND = np.empty((0, 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._claimed)

    def start(self, dim: int, name: str) -> None:
        """Set the length of the vectors in the file `name`, before the first `claim`. Pages that stay empty cost no memory.

        RequestError for a length that only a damaged header has.
        """
        if not 0 < dim <= MAX_DIM:
            raise RequestError(f"{name} announces vectors of {dim} dimensions, not 1 to {MAX_DIM:,}; its header is damaged")
        self._vectors_ND = np.empty((len(self), dim), dtype=np.float32)

    def claim(self, position: int) -> int | None:
        """The row to write a wanted word's vector into; None, and counted, if the word has one already."""
        if self._claimed[position]:
            self.num_duplicates += 1
            return None
        self._claimed[position] = 1
        row = self.num_found
        self._found[row] = position
        self.num_found += 1
        return row

    def write(self, first_row: int, vectors_KD: np.ndarray, name: str) -> None:
        """Store vectors of claimed rows that follow one another; RequestError, with the file's name, if one is not finite."""
        rows = slice(first_row, first_row + len(vectors_KD))
        with np.errstate(over="ignore", invalid="ignore"):  # a double too large for a float32 is then not finite
            self._vectors_ND[rows] = vectors_KD
        finite_K = np.isfinite(self._vectors_ND[rows]).all(axis=1)
        if not finite_K.all():
            word = self._wanted[self._found[first_row + int(finite_K.argmin())]]
            raise RequestError(
                f"{name}: the vector of {word!r} holds numbers that are not finite; get a whole copy, or train again"
            )

    def finish(self, num_vectors: int) -> WordVectors:
        """All that was found, in the order of the source."""
        return WordVectors(self._found[: self.num_found], self._vectors_ND[: self.num_found], num_vectors, self.num_duplicates)


class FirstWords(Collector):
    """Keeps the first `most` words of a file, in most files the most frequent ones; `words` names them."""

    def __init__(self, most: int) -> None:
        self.words: list[str] = []
        super().__init__(self.words, most)
        self.positions = _Numbered(self.words, most)


class _Numbered:
    def __init__(self, words: list[str], most: int) -> None:
        self._words, self._most = words, most
        self._known: dict[bytes, int] = {}

    def get(self, word: bytes, /) -> int | None:
        position = self._known.get(word)
        if position is None and len(self._known) < self._most:
            position = self._known[word] = len(self._known)
            self._words.append(word.decode("utf-8", "backslashreplace"))
        return position
