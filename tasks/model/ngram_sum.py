"""A view that sums the weights of a document's n-grams. NumPy alone: no network library is loaded to serve it.

Shapes: N documents, T tokens or n-grams of them one after another, K n-grams of the vocabulary, M different ones of each
document, P places of one level's n-grams, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .neighbours import Sparse
from .ngrams import NgramVocabulary, first_of_runs
from .shares import Shares

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .classifier import Tokens

WEIGHTS, BIAS = "weights.weight", "bias"  # names of its tensors
BLOCK = 1 << 20  # weights gathered at a time: 4 MB, which stay in the processor's cache


@dataclass(frozen=True)
class NgramSum:
    """Sum of the n-grams' weights over the root of their number, and a bias.

    `weights_KC` and `bias_C` are float32; one row of weights is kept for a vocabulary without any n-gram.
    """

    vocabulary: NgramVocabulary
    weights_KC: np.ndarray  # noqa: N815
    bias_C: np.ndarray  # noqa: N815

    reads = "ngrams"
    reads_unseen_words = False

    @classmethod
    def load(cls, folder: Path, tensors: Mapping[str, np.ndarray]) -> NgramSum:
        """The vocabulary of `folder` with its weights."""
        return cls(NgramVocabulary.load(folder), tensors[WEIGHTS], tensors[BIAS])

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        return ngram_sums(*self.vocabulary.encode(tokens.documents), self.weights_KC, self.bias_C)

    def ngrams(self, tokens: Tokens) -> Sparse:
        """The n-grams of documents."""
        return Sparse(*self.vocabulary.encode(tokens.documents), len(self.vocabulary))

    def split(self, tokens: Tokens) -> NgramSplit:
        """What it says of documents, as its n-grams are looked up once, and exactly which words make it say so."""
        words_T, offsets = self.vocabulary.word_ids(tokens.documents)
        return NgramSplit(self, words_T, offsets)

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """How many tokens of each document are not words of the vocabulary, which has no word that it met too rarely."""
        ids_T, offsets = self.vocabulary.word_ids(tokens.documents)
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return np.bincount(document_T[ids_T < 0], minlength=len(offsets) - 1)


class NgramSplit:
    """The n-grams of documents with where they are. The share of one is spread evenly over its places and over its words."""

    def __init__(self, view: NgramSum, words_T: np.ndarray, offsets: np.ndarray) -> None:
        self._weights_KC, self._bias_C = view.weights_KC, view.bias_C
        self._num_tokens, num_documents = len(words_T), len(offsets) - 1
        document_T = np.repeat(np.arange(num_documents), np.diff(offsets))
        bits, base, self._starts = len(view.vocabulary).bit_length(), 0, list[np.ndarray]()
        marks = []  # of each level: a document and one of its n-grams in one number
        for size, starts, ids in view.vocabulary.levels(words_T, document_T):
            self._starts.append(starts)
            marks.append((document_T.take(starts) << bits) + (ids + base))
            base += size
        all_marks = np.concatenate(marks)
        self._order = np.argsort(all_marks)
        ordered = all_marks.take(self._order)
        first = first_of_runs(ordered)
        (begin_M,) = np.nonzero(first)
        marks_M = ordered.take(begin_M)
        self._times_M = np.diff(np.append(begin_M, len(ordered)))
        self._ids_M, self._document_M = (marks_M & ((1 << bits) - 1)).astype(np.int32), marks_M >> bits
        self._numbers_N = np.bincount(self._document_M, minlength=num_documents)

    @cached_property
    def logits(self) -> np.ndarray:
        """Logits of the documents, float32 [N, C]: to the bit those of the view."""
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._numbers_N)])
        return ngram_sums(self._ids_M, offsets, self._weights_KC, self._bias_C)

    def toward(self, toward_NC: np.ndarray) -> Shares:
        """The shares of each document's logits times its row of `toward_NC`; nothing remains."""
        over_NC = toward_NC / np.sqrt(np.maximum(self._numbers_N, 1))[:, None]
        once_M = np.zeros(len(self._ids_M))
        for column, weights_K in enumerate(self._weights_KC.T):
            once_M += weights_K.take(self._ids_M) * over_NC[:, column].take(self._document_M)
        here_P = np.empty(len(self._order))
        here_P[self._order] = np.repeat(once_M / self._times_M, self._times_M)
        words_T = np.zeros(self._num_tokens)
        done = 0
        for n, starts in enumerate(self._starts, start=1):
            here = here_P[done : done + len(starts)] / n
            for word in range(n):  # no two n-grams of one level start at one token
                words_T[starts + word] += here
            done += len(starts)
        return Shares(words_T, toward_NC @ self._bias_C.astype(np.float64), np.zeros(len(toward_NC)))


def ngram_sums(ids_T: np.ndarray, offsets: np.ndarray, weights_KC: np.ndarray, bias_C: np.ndarray) -> np.ndarray:
    """The sum of each document's rows of `weights_KC` over the root of their number, plus `bias_C`: float32 [N, C].

    `offsets` [N + 1] say where the documents begin in `ids_T`; they need not begin at 0.
    """
    num_documents, num_classes = len(offsets) - 1, len(bias_C)
    sums_NC = np.zeros((num_documents, num_classes), np.float32)
    lengths_N = np.diff(offsets)
    start = 0
    while start < num_documents:
        most = offsets[start] + max(BLOCK // num_classes, 1)
        stop = max(int(np.searchsorted(offsets, most, side="right")) - 1, start + 1)
        filled = np.flatnonzero(lengths_N[start:stop])
        if len(filled):
            rows_TC = weights_KC.take(ids_T[offsets[start] : offsets[stop]], axis=0)
            sums_NC[start + filled] = np.add.reduceat(rows_TC, offsets[start:stop][filled] - offsets[start], axis=0)
        start = stop
    roots_N1 = np.sqrt(np.maximum(lengths_N, 1)).astype(np.float32)[:, None]
    return sums_NC / roots_N1 + bias_C
