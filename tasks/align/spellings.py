"""Other spellings to look for, for words that have no vector under their own.

Shapes: N words.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.align.found import WordVectors

OWN, CASE, NFKC = 0, 1, 2


class Spelled(NamedTuple):
    """Vectors by word: `positions` among the words, the row of `found.vectors` for each, and how it was spelled (OWN ...)."""

    positions: np.ndarray
    rows: np.ndarray
    how: np.ndarray


class Spellings:
    """The words and their other spellings; `wanted` is the list that a reader looks for."""

    def __init__(self, words: Sequence[str], fallbacks: str) -> None:
        self._num_words = len(words)
        places = {word: place for place, word in enumerate(words)}
        self._others: list[tuple[int, list[tuple[int, int]]]] = []
        if fallbacks != "none":
            for place, word in enumerate(words):
                others = [(places.setdefault(other, len(places)), how) for other, how in other_spellings(word, fallbacks)]
                if others:
                    self._others.append((place, others))
        self.wanted = list(places)

    def resolve(self, found: WordVectors) -> Spelled:
        """Give each word the vector of its own spelling, else of the first other one that was found."""
        row_of = np.full(len(self.wanted), -1, dtype=np.int64)
        row_of[found.positions] = np.arange(len(found.positions))
        rows_N = row_of[: self._num_words].copy()
        how_N = np.zeros(self._num_words, dtype=np.uint8)
        for place, others in self._others:
            if rows_N[place] < 0:
                rows_N[place], how_N[place] = next(
                    ((row_of[other], how) for other, how in others if row_of[other] >= 0), (-1, OWN)
                )
        positions_K = np.flatnonzero(rows_N >= 0)
        return Spelled(positions_K, rows_N[positions_K], how_N[positions_K])


def other_spellings(word: str, fallbacks: str) -> list[tuple[str, int]]:
    """Spellings of a word other than its own, the likeliest first, each with its kind (CASE or NFKC).

    `case`: in lower case, capitalised, in capitals. `nfkc`: Unicode's compatibility composition (UAX #15), which makes `ﬁ` two
    letters and full-width forms ordinary ones. `both`: these, and then `nfkc` in the other cases.
    """
    spelled: dict[str, int] = {}
    if fallbacks in ("case", "both"):
        spelled |= dict.fromkeys(_cases(word), CASE)
    if fallbacks in ("nfkc", "both"):
        composed = unicodedata.normalize("NFKC", word)
        spelled.setdefault(composed, NFKC)
        if fallbacks == "both":
            for other in _cases(composed):
                spelled.setdefault(other, NFKC)
    spelled.pop(word, None)
    return list(spelled.items())


def _cases(word: str) -> tuple[str, ...]:
    return word.lower(), word.capitalize(), word.upper()
