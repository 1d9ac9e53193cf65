"""Nearest neighbours of words that characterise a corpus: its frequent ones, and those typical of each class.

Shapes: V words, C classes, N documents, T tokens.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.log_odds import PRIOR_WORDS, log_odds
from tasks.prepare.read import iter_batches, read_labels
from tasks.prepare.word_lists import listed_stop_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks.pretrain.space import WordSpace

NUM_WORDS, NUM_NEIGHBOURS = 10, 5
MAX_CLASSES, WORDS_OF_CLASS = 12, 3  # the largest classes have their words shown
MAX_COUNTED = 20_000  # of the most frequent words that may be typical of a class
MIN_COUNT = 3  # of a word in its class

Neighbours = dict[str, list[tuple[str, float]]]


def neighbours_of(space: WordSpace, words: Sequence[str]) -> Neighbours:
    """The NUM_NEIGHBOURS nearest words to each of these, with their cosine, the nearest first."""
    spelled = {word: space.words[row] for word in words if (row := space.row(word)) >= 0}
    near = {word: space.nearest(other, NUM_NEIGHBOURS) for word, other in spelled.items()}
    return {word: [(other, round(cosine, 4)) for other, cosine in found] for word, found in near.items()}


def frequent_words(words: Sequence[str]) -> list[str]:
    """The first NUM_WORDS words that are not stop words, numbers or punctuation; `words` come by frequency."""
    return list(islice(_telling(words), NUM_WORDS))


def class_words(dataset: Path, words: Sequence[str]) -> dict[str, list[str]]:
    """For each of the MAX_CLASSES largest classes the WORDS_OF_CLASS words that are most typical of its train documents.

    `words` come by frequency. A class without any such word is left out.
    """
    labels = read_labels(dataset)
    counted = list(islice(_telling(words), MAX_COUNTED))
    if not counted:
        return {}
    counts_CV, num_documents_C = _counts(dataset, labels, counted)
    all_V = counts_CV.sum(0)
    prior_V = PRIOR_WORDS * (all_V + 1) / (all_V + 1).sum()  # plus one: a word may occur in unlabelled text alone
    typical = {}
    for number in np.argsort(-num_documents_C, kind="stable")[:MAX_CLASSES]:
        deviate_V = log_odds(counts_CV[number], all_V - counts_CV[number], prior_V)
        deviate_V[counts_CV[number] < MIN_COUNT] = -np.inf
        best = [place for place in np.argsort(-deviate_V, kind="stable")[:WORDS_OF_CLASS] if deviate_V[place] > 0]
        if best:
            typical[labels[number]] = [counted[place] for place in best]
    return typical


def _counts(dataset: Path, labels: Sequence[str], words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """How often each word occurs in the train documents of each class [C, V], and how many documents the class has [C]."""
    counts, num_documents_C = np.zeros(len(labels) * len(words)), np.zeros(len(labels), np.int64)
    known, names = pa.array(words, pa.string()), pa.array(labels, pa.string())
    for batch in iter_batches(dataset, ("train",), ["label", "tokens"]):
        label_N = pc.index_in(batch.column("label"), value_set=names).to_numpy(zero_copy_only=False)
        tokens = batch.column("tokens")
        word_T = pc.fill_null(pc.index_in(tokens.flatten(), value_set=known), -1).to_numpy(zero_copy_only=False)
        label_T = label_N[pc.list_parent_indices(tokens).to_numpy(zero_copy_only=False)]
        cell_T = (label_T.astype(np.int64) * len(words) + word_T)[word_T >= 0]
        counts += np.bincount(cell_T, minlength=len(counts))
        num_documents_C += np.bincount(label_N, minlength=len(labels))
    return counts.reshape(len(labels), len(words)), num_documents_C


def _telling(words: Sequence[str]) -> Iterator[str]:
    """The words without stop words of English or Chinese, numbers and punctuation."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # which the yardstick imports as well

    stop_words = ENGLISH_STOP_WORDS.union(listed_stop_words("english"), listed_stop_words("chinese"))
    # One or two ASCII letters are mostly remains of words ("s", "t"); one Chinese character can be a word.
    return (word for word in words if word.isalpha() and word.lower() not in stop_words and len(word.encode()) > 2)
