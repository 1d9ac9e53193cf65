"""A sum over n-grams, read from arrays. Its arithmetic is the package's own.

Shapes: N documents, T words of them one after another, K n-grams of the vocabulary, C classes, Q keys asked for.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.export.served.arrays import keys_of, words_of
from tasks.model.ngram_sum import ngram_sums
from tasks.model.ngrams import NgramVocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SortedKeys:
    """Positions of keys among ascending ones, which may stay in a file: nothing is built before the first text is read."""

    def __init__(self, keys_K: np.ndarray) -> None:
        self.keys = keys_K

    def find(self, keys_Q: np.ndarray) -> np.ndarray:
        """The position of each key, -1 where absent; int32 [Q]."""
        if not len(self.keys):
            return np.full(len(keys_Q), -1, np.int32)
        at = np.minimum(np.searchsorted(self.keys, keys_Q), len(self.keys) - 1)
        return np.where(self.keys[at] == keys_Q, at, -1).astype(np.int32)


class NgramView:
    """One sum over n-grams. `encode` gives the distinct n-grams of documents: ids, and where each document begins."""

    reads_unseen_words = False
    encode: Any = NgramVocabulary.encode
    encode_words: Any = NgramVocabulary.encode_words
    levels: Any = NgramVocabulary.levels

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, settings: Mapping[str, Any]) -> None:
        self.name, self._arrays = name, arrays
        self.words = words_of(arrays[f"{name}.words"])
        self.keys = [_keys(arrays, f"{name}.keys_{n}") for n in range(2, settings["longest"] + 1)]
        self.tables = [SortedKeys(level) for level in self.keys]
        self._index = {word: number for number, word in enumerate(self.words)}
        self._weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.words) + sum(map(len, self.keys))

    def word_ids(self, documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all words one after another (int32 [T], -1 unknown) and where documents begin (int64 [N + 1])."""
        offsets = np.concatenate([[0], np.cumsum([len(document) for document in documents], dtype=np.int64)])
        flat = map(self._index.get, chain.from_iterable(documents), repeat(-1))
        return np.fromiter(flat, np.int32, int(offsets[-1])), offsets

    @property
    def weights_KC(self) -> np.ndarray:  # noqa: N802
        """One weight for each n-gram and class, float32; of 8 bits they are whole numbers of a step, the first class's 0."""
        if self._weights is None:
            self._weights = _weights(self._arrays, self.name)
        return self._weights

    def logits(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        ids_T, offsets = self.encode(documents)
        return ngram_sums(ids_T, offsets, self.weights_KC, np.asarray(self._arrays[f"{self.name}.bias"]))

    def unseen(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Whether a document has no word of the vocabulary: bool [N]."""
        words_T, offsets = self.word_ids(documents)
        known = np.concatenate([[0], np.cumsum(words_T >= 0)])
        return known[offsets[1:]] == known[offsets[:-1]]

    def inputs(self, documents: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
        """The n-grams as the ONNX file takes them: int64 [N, most of a document], filled up with K, which weighs nothing."""
        ids_T, offsets = self.encode(documents)
        lengths = np.diff(offsets)
        ids = np.full((len(documents), max(int(lengths.max(initial=1)), 1)), len(self), np.int64)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = ids_T
        return {f"{self.name}_ids": ids}


def _keys(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    keys = arrays[name]
    return keys_of(keys) if keys.dtype == np.uint8 else keys


def _weights(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    weights = arrays[f"{name}.weights"]
    if f"{name}.steps" not in arrays:
        return weights
    made = np.zeros((len(weights), weights.shape[1] + 1), np.float32)
    np.multiply(weights, arrays[f"{name}.steps"], out=made[:, 1:])
    return made
