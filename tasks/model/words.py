"""From tokens to the row numbers that the neural models read, with vectors for words that have no row.

While training, a word outside the vocabulary reads as the unknown row, which so learns what rare words have in common. When
a model is used (on validation rows too, so that selection and calibration see what users see), such a word gets the vector
of its character n-grams, in a row beyond the vocabulary; only a word without n-grams falls back to the unknown row.

Shapes: N documents, T tokens, U distinct unseen words, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .text.token_batch import TokenBatch
from .vocabulary import UNK_ID, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .subwords import Subwords

LENGTH = 3.0  # 0.3 a dimension at 100; a TextCNN on IMDB learned alike from 1.5 to 4


def same_length(vectors: np.ndarray) -> np.ndarray:
    """Rows brought to one length, float32; zero rows stay zero.

    fastText's vectors differ in length tenfold, the most frequent words' being the longest: left so, they drown all others.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (LENGTH * vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


class WordEncoder:
    """Row numbers of tokens; words unseen so far are given rows from len(vocabulary) on, whose vectors are `unseen` [U, D]."""

    def __init__(self, vocabulary: Vocabulary, subwords: Subwords | None) -> None:
        self.vocabulary, self.subwords = vocabulary, subwords
        self._rows: dict[str, int] = {}
        self._vectors: list[np.ndarray] = []

    def encode(self, tokens: pa.Array | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the documents one after another (int32 [T]) and where each begins (int64 [N + 1])."""
        ids, offsets = self.vocabulary.encode(tokens)
        (where,) = np.nonzero(ids == UNK_ID)
        if self.subwords is None or not len(where):
            return ids, offsets
        unseen = _words_at(tokens, where).dictionary_encode()
        rows = np.array([*self._numbered(unseen.dictionary.to_pylist()), UNK_ID], np.int32)
        ids = ids.copy()
        ids[where] = rows[unseen.indices.fill_null(-1).to_numpy(zero_copy_only=False)]  # a null token: the last entry
        return ids, offsets

    @property
    def unseen(self) -> np.ndarray | None:
        """Vectors of the unseen words met so far, float32; None where there were none."""
        return np.concatenate(self._vectors) if self._vectors else None

    def _numbered(self, words: Sequence[str]) -> list[int]:
        assert self.subwords is not None
        fresh = [word for word in words if word not in self._rows]
        if fresh:
            vectors_UD = same_length(self.subwords.vectors(fresh))
            first = len(self.vocabulary) + sum(map(len, self._vectors))
            for number, (word, usable) in enumerate(zip(fresh, np.count_nonzero(vectors_UD, axis=1), strict=True)):
                self._rows[word] = first + number if usable else UNK_ID
            self._vectors.append(vectors_UD)
        return [self._rows[word] for word in words]


def _words_at(tokens: pa.Array | Sequence[Sequence[str]], where: np.ndarray) -> pa.Array:
    """Those of the documents' tokens, which are counted one after another."""
    if isinstance(tokens, TokenBatch):
        return pa.array(tokens.words(where), pa.string())
    if not isinstance(tokens, pa.Array | pa.ChunkedArray):
        flat = pa.array([token for document in tokens for token in document], pa.string())
        return flat.take(pa.array(where))
    flat = (tokens.combine_chunks() if isinstance(tokens, pa.ChunkedArray) else tokens).flatten()
    return (flat.dictionary_decode() if isinstance(flat, pa.DictionaryArray) else flat).take(pa.array(where))
