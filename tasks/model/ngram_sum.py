"""A view that sums the weights of a document's n-grams. NumPy alone: no network library is loaded to serve it.

Shapes: N documents, T tokens or n-grams of them one after another, K n-grams of the vocabulary, M different ones of each
document, P places of one level's n-grams, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .ngrams import NgramVocabulary

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

    def shares(self, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """What each token adds to the logits of its document, float64 [T, C], and what is there without any, [C].

        They add up to the logits: the share of an n-gram is spread evenly over the places where it is, and over its words.
        """
        words_T, offsets = self.vocabulary.word_ids(tokens.documents)
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        bits, base = len(self.vocabulary).bit_length(), 0
        found: list[tuple[np.ndarray, np.ndarray]] = []  # of each level: where its n-grams start; document and n-gram as one
        for size, starts, ids in self.vocabulary.levels(words_T, document_T):
            found.append((starts, (document_T.take(starts) << bits) + (ids + base)))
            base += size
        marks, place, times = np.unique(np.concatenate([each for _, each in found]), return_inverse=True, return_counts=True)
        roots_N = np.sqrt(np.maximum(np.bincount(marks >> bits, minlength=len(offsets) - 1), 1))
        once_MC = self.weights_KC.take(marks & ((1 << bits) - 1), axis=0).astype(np.float64)
        once_MC /= (times * roots_N.take(marks >> bits))[:, None]
        shares_TC = np.zeros((len(words_T), len(self.bias_C)))
        done = 0
        for n, (starts, each) in enumerate(found, start=1):
            here_PC = once_MC.take(place[done : done + len(each)], axis=0) / n
            for word in range(n):  # no two n-grams of one level start at one token
                shares_TC[starts + word] += here_PC
            done += len(each)
        return shares_TC, self.bias_C.astype(np.float64)

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """How many tokens of each document are not words of the vocabulary, which has no word that it met too rarely."""
        ids_T, offsets = self.vocabulary.word_ids(tokens.documents)
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return np.bincount(document_T[ids_T < 0], minlength=len(offsets) - 1)


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
