"""Counts of unigrams and bigrams over tokens as given, as sparse matrices, without a Python loop over tokens.

Not tasks/model/ngrams.py, which keeps the set of a document's n-grams: the yardstick counts, and shares no code with the models
that it measures, so that it does not share their mistakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BATCH_ROWS = 10_000  # counted at a time


class Ngrams:
    """The unigrams and bigrams of at least `min_df` of the documents it was made from.

    At most `max_size` of them are kept, those in most documents. Columns are numbered unigrams first, by first occurrence,
    then bigrams by the numbers of their two words.
    """

    def __init__(self, tokens: pa.ListArray | pa.LargeListArray, min_df: int, max_size: int) -> None:
        encoded = tokens.flatten().dictionary_encode()
        self.words: pa.Array = encoded.dictionary
        ids_T, rows_T = encoded.indices.to_numpy().astype(np.int64), _rows(tokens)
        unigrams, documents_1 = _documents(ids_T, rows_T)
        bigrams, documents_2 = _documents(*self._pairs(ids_T, rows_T))
        documents = np.concatenate([documents_1, documents_2])
        keep = documents >= min_df
        if keep.sum() > max_size:
            keep = np.zeros(len(documents), dtype=bool)
            keep[np.argsort(-documents, kind="stable")[:max_size]] = True
        self.unigrams = unigrams[keep[: len(unigrams)]]
        self.bigrams = bigrams[keep[len(unigrams) :]]

    def __len__(self) -> int:
        return len(self.unigrams) + len(self.bigrams)

    def counts(self, tokens: pa.ListArray | pa.LargeListArray) -> csr_matrix:
        """Count each n-gram in each document: [documents, n-grams] float64; unknown ones are left out."""
        from scipy.sparse import vstack

        starts = range(0, max(1, len(tokens)), BATCH_ROWS)  # its pairs of tokens, rows and columns are as long as the text
        return vstack([self._counts(tokens[start : start + BATCH_ROWS]) for start in starts], format="csr")

    def _counts(self, tokens: pa.ListArray | pa.LargeListArray) -> csr_matrix:
        from scipy.sparse import csr_matrix

        found = pc.index_in(tokens.flatten().cast(self.words.type), value_set=self.words)
        ids_T = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        rows_T = _rows(tokens)
        pairs, pair_rows = self._pairs(ids_T, rows_T)
        columns_1, known_1 = _positions(ids_T, self.unigrams)
        columns_2, known_2 = _positions(pairs, self.bigrams)
        columns = np.concatenate([columns_1[known_1], columns_2[known_2] + len(self.unigrams)])
        rows = np.concatenate([rows_T[known_1], pair_rows[known_2]])
        matrix = csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(tokens), len(self)))
        matrix.sum_duplicates()
        return matrix

    def _pairs(self, ids_T: np.ndarray, rows_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One number for each two neighbours in one document, and the row of each."""
        left, right = ids_T[:-1], ids_T[1:]
        whole = (rows_T[:-1] == rows_T[1:]) & (left >= 0) & (right >= 0)
        return left[whole] * len(self.words) + right[whole], rows_T[:-1][whole]


def _rows(tokens: pa.ListArray | pa.LargeListArray) -> np.ndarray:
    lengths = pc.fill_null(pc.list_value_length(tokens), 0).to_numpy()
    return np.repeat(np.arange(len(tokens), dtype=np.int64), lengths)


def _documents(keys: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys, sorted, and in how many rows each occurs. `rows` ascends."""
    order = np.argsort(keys, kind="stable")  # stable: rows still ascend within one key
    keys, rows = keys[order], rows[order]
    first = np.ones(len(keys), dtype=bool)  # of its key and row
    first[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    return np.unique(keys[first], return_counts=True)


def _positions(keys: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The position of each key in the sorted `known`, and whether it is there at all."""
    if not len(known):
        return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=bool)
    positions = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return positions, known[positions] == keys
