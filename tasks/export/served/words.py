"""Rows of words as the networks read them, with vectors for words that have no row.

Shapes: N documents, T words of them one after another, V rows, U words without a row, D dimensions, B documents of a batch, L
words of the longest of those, C classes.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.export.served.arrays import words_of
from tasks.model.padding import by_length, padded
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import UNK_ID
from tasks.model.words import WordEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READ_BATCH, READ_TOKENS = 256, 16_384  # documents at a time, and words of them with padding: bounds memory


class CharacterNgrams:
    """Vectors of words from their character n-grams."""

    vectors: Any = Subwords.vectors
    turn = None

    def __init__(self, table: np.ndarray, settings: Mapping[str, int]) -> None:
        self.table = table
        self.minn, self.maxn = settings["minn"], settings["maxn"]
        self.leading, self.padding = settings["leading"], settings["padding"]


class UnseenWords:
    """Rows beyond the vocabulary for the words of one batch that it does not have."""

    _numbered: Any = WordEncoder._numbered

    def __init__(self, vocabulary: Sequence[str], subwords: CharacterNgrams) -> None:
        self.vocabulary, self.subwords = vocabulary, subwords
        self._rows: dict[str, int] = {}
        self._vectors: list[np.ndarray] = []

    def rows(self, words: Sequence[str]) -> list[int]:
        """A row for each of different words; that of unknown words for one without character n-grams."""
        numbered: list[int] = self._numbered(words)
        return numbered

    def vectors(self, dim: int) -> np.ndarray:
        """Their vectors, float32 [U, D]."""
        return np.concatenate([np.zeros((0, dim), np.float32), *self._vectors])


class WordView:
    """What the networks share: they read rows of words, at most so many of a document, and several members are averaged."""

    shortest = 1  # words that a network needs; padding is added

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, settings: Mapping[str, Any]) -> None:
        self.name, self.settings = name, settings
        self.words = words_of(arrays["rows.words"])
        self._index = {word: row for row, word in enumerate(self.words) if row > UNK_ID}
        subwords = settings["subwords"]
        self.subwords = CharacterNgrams(arrays["rows.subwords"], subwords) if subwords else None
        prefix = f"{name}."
        own = {each.removeprefix(prefix): value for each, value in arrays.items() if each.startswith(prefix)}
        self.members = [
            {each.partition(".")[2]: value for each, value in own.items() if each.partition(".")[0] == str(number)}
            for number in range(settings["members"])
        ]

    @property
    def reads_unseen_words(self) -> bool:
        """Whether a word without a row still says something."""
        return self.subwords is not None

    def encode(self, documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of all words one after another (int32 [T]), where documents begin (int64 [N + 1]), vectors beyond V [U, D]."""
        offsets = np.concatenate([[0], np.cumsum([len(document) for document in documents], dtype=np.int64)])
        flat = list(chain.from_iterable(documents))
        ids = np.fromiter(map(self._index.get, flat, repeat(UNK_ID)), np.int32, len(flat))
        dim = self.settings["dim"]
        if self.subwords is None:
            return ids, offsets, np.zeros((0, dim), np.float32)
        unseen = UnseenWords(self.words, self.subwords)
        where = np.flatnonzero(ids == UNK_ID).tolist()
        different = list(dict.fromkeys(flat[at] for at in where))
        row = dict(zip(different, unseen.rows(different), strict=True))
        ids[where] = [row[flat[at]] for at in where]
        return ids, offsets, unseen.vectors(dim)

    def unseen(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Whether no word of a document has a row: bool [N]."""
        return np.array([not any(word in self._index for word in document) for document in documents], bool)

    def logits(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        ids, offsets, unseen_UD = self.encode(documents)
        max_len, side = self.settings["max_len"], self.settings["truncate"]
        lengths_N = np.minimum(np.diff(offsets), max_len)
        size = max(1, min(READ_BATCH, READ_TOKENS // max(int(lengths_N.max(initial=1)), 1)))
        logits_NC = np.zeros((len(documents), len(self.members[0]["last.bias"])), np.float32)
        for rows_B in by_length(lengths_N, size):
            tokens_BL = self._long_enough(padded(ids, offsets, rows_B, max_len=max_len, side=side))
            made = [self.network(member, _embedded(member, tokens_BL, unseen_UD), lengths_N[rows_B]) for member in self.members]
            logits_NC[rows_B] = np.mean(made, axis=0)
        return logits_NC

    def network(self, member: Mapping[str, np.ndarray], embedded_BLD: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Logits [B, C] of one member."""
        raise NotImplementedError

    def inputs(self, documents: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
        """Rows as the ONNX file takes them, int64 [N, L], 0 behind a document's end, and vectors of the rows from V on.

        Of those vectors the first is zeros, since an array may not be empty everywhere.
        """
        ids, offsets, unseen_UD = self.encode(documents)
        settings = {"max_len": self.settings["max_len"], "side": self.settings["truncate"]}
        rows = self._long_enough(padded(ids, offsets, np.arange(len(documents)), **settings))
        vectors = np.concatenate([np.zeros((1, unseen_UD.shape[1]), np.float32), unseen_UD])
        return {f"{self.name}_ids": rows, f"{self.name}_unseen": vectors}

    def _long_enough(self, tokens_BL: np.ndarray) -> np.ndarray:
        return np.pad(tokens_BL, ((0, 0), (0, max(self.shortest - tokens_BL.shape[1], 0))))


def _embedded(member: Mapping[str, np.ndarray], tokens_BL: np.ndarray, unseen_UD: np.ndarray) -> np.ndarray:
    matrix_VD = member["embedding.weight"]
    beyond_BL = tokens_BL >= len(matrix_VD)
    vectors_BLD = np.asarray(matrix_VD.take(np.where(beyond_BL, 0, tokens_BL), axis=0), np.float32)
    if beyond_BL.any():
        vectors_BLD[beyond_BL] = unseen_UD[tokens_BL[beyond_BL] - len(matrix_VD)]
    return vectors_BLD
