"""The training questions that are most like a text, by exact search.

In go what a model makes of texts, out come the numbers of the nearest questions and how like they are: the cosine of vectors
that a view makes (of an encoder, or the mean of word vectors), or of a model that sums n-grams the cosine of its n-grams,
weighted by inverse document frequency (Salton & Buckley 1988).

Shapes: N texts, M questions, D dimensions, T n-grams one after another, K n-grams of the vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = 256  # texts compared with all questions at a time
VECTORS, IDS, OFFSETS, SIZE = "vectors", "ids", "offsets", "size"  # names of the arrays that are stored


class Sparse(NamedTuple):
    """The n-grams of texts, int32 [T], where each text's begin, int64 [N + 1], and how many n-grams there are."""

    ids: np.ndarray
    offsets: np.ndarray
    size: int


class Index(Protocol):
    """Questions that can be searched."""

    def nearest(self, made: np.ndarray | Sparse, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers int64 [N, most] of the nearest questions, the nearest first, and their cosines float32 [N, most].

        A question that shares nothing with the text has cosine 0 or less. Of equal ones the earlier comes first.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What `open_index` reads."""
        ...


class DenseIndex:
    """Questions as vectors, float32 [M, D]."""

    def __init__(self, vectors_MD: np.ndarray) -> None:
        self._unit_MD = _unit(vectors_MD)

    def nearest(self, made: np.ndarray | Sparse, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The questions whose vectors have the smallest angles to `made`, float32 [N, D]."""
        if isinstance(made, Sparse):
            raise TypeError("these questions are vectors, and n-grams were given")
        blocks = (made[start : start + BLOCK] for start in range(0, len(made), BLOCK))
        found = [_best(_unit(block) @ self._unit_MD.T, most) for block in blocks]
        return _joined([_empty(min(most, len(self._unit_MD))), *found])

    def arrays(self) -> dict[str, np.ndarray]:
        """The vectors, of length 1."""
        return {VECTORS: self._unit_MD}


class SparseIndex:
    """Questions as sets of n-grams, kept by n-gram: which questions have it."""

    def __init__(self, questions: Sparse) -> None:
        self._questions, num = questions, len(questions.offsets) - 1
        question_T = np.repeat(np.arange(num, dtype=np.int64), np.diff(questions.offsets))
        documents_K = np.bincount(questions.ids, minlength=questions.size)
        self._idf_K = (np.log((1 + num) / (1 + documents_K)) + 1).astype(np.float32)
        self._order = question_T[np.argsort(questions.ids, kind="stable")].astype(np.int32)
        self._starts_K = np.append(0, np.cumsum(documents_K))
        self._lengths_M = self._lengths(questions)

    def nearest(self, made: np.ndarray | Sparse, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The questions that share the rarest n-grams with the texts, as far as cosine says."""
        if not isinstance(made, Sparse):
            raise TypeError("these questions are n-grams, and vectors were given")
        lengths_N, parts = self._lengths(made), [_empty(min(most, len(self._lengths_M)))]
        for number, length in enumerate(lengths_N.tolist()):
            ids = made.ids[made.offsets[number] : made.offsets[number + 1]]
            starts, stops = self._starts_K[ids].tolist(), self._starts_K[ids + 1].tolist()
            shared_M = np.zeros(len(self._lengths_M))
            for start, stop, weight in zip(starts, stops, (self._idf_K[ids] ** 2).tolist(), strict=True):
                shared_M[self._order[start:stop]] += weight  # no question has an n-gram twice
            cosine_M = shared_M / np.maximum(self._lengths_M * length, 1e-12)
            parts.append(_best(cosine_M[None].astype(np.float32), most))
        return _joined(parts)

    def _lengths(self, texts: Sparse) -> np.ndarray:
        """The length of each text's vector, float64 [N]."""
        num = len(texts.offsets) - 1
        text_T = np.repeat(np.arange(num), np.diff(texts.offsets))
        return np.sqrt(np.bincount(text_T, weights=self._idf_K[texts.ids].astype(np.float64) ** 2, minlength=num))

    def arrays(self) -> dict[str, np.ndarray]:
        """The n-grams of the questions, and the size of their vocabulary."""
        ids, offsets, size = self._questions
        return {IDS: ids.astype(np.int32), OFFSETS: offsets.astype(np.int64), SIZE: np.array([size], np.int64)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The questions that `arrays` wrote."""
        return cls(Sparse(arrays[IDS], arrays[OFFSETS], int(arrays[SIZE][0])))


def index_of(made: np.ndarray | Sparse) -> Index:
    """An index of questions, by what a model makes of them."""
    return SparseIndex(made) if isinstance(made, Sparse) else DenseIndex(made)


def open_index(arrays: Mapping[str, np.ndarray]) -> Index:
    """The index whose arrays were stored."""
    return SparseIndex.of(arrays) if IDS in arrays else DenseIndex(arrays[VECTORS])


def mean_vectors(rows_TD: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The mean of each text's rows, float32 [N, D]; zeros for a text without any."""
    lengths_N = np.diff(offsets)
    found_ND = np.zeros((len(lengths_N), rows_TD.shape[1]), np.float32)
    filled = np.flatnonzero(lengths_N)
    if len(filled):
        found_ND[filled] = np.add.reduceat(rows_TD, offsets[:-1][filled], axis=0) / lengths_N[filled, None]
    return found_ND


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _best(cosine_NM: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As a stable sort has them; only those that are as near as the last one wanted are sorted."""
    last = cosine_NM.shape[1] - min(most, cosine_NM.shape[1])
    numbers = np.zeros((len(cosine_NM), cosine_NM.shape[1] - last), np.int64)
    for row, cosine_M in enumerate(cosine_NM):
        near = np.flatnonzero(cosine_M >= np.partition(cosine_M, last)[last])
        numbers[row] = near[np.argsort(-cosine_M[near], kind="stable")[: numbers.shape[1]]]
    return numbers, np.take_along_axis(cosine_NM, numbers, axis=1)


def _empty(most: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((0, most), np.int64), np.zeros((0, most), np.float32)


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([numbers for numbers, _ in parts]), np.concatenate([cosines for _, cosines in parts])
