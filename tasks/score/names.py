"""One way to write an entry of a watch-list, and where a spelled text has it."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

from tasks.model.text.scripts import UNSPACED
from tasks.score.spelling import caseless, within_word

_WORD = re.compile(rf"[^\W{UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
# Where a script without blanks begins or ends, writers put one or not as they like.
_LOOSE = re.compile(
    rf"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])|(?<=[{UNSPACED}])(?=[^\W{UNSPACED}])|(?<=[^\W{UNSPACED}])(?=[{UNSPACED}])"
)

Doubt = Literal["common", "asked", "shared"]


class Name:
    """One way to write an entry, as it is looked for in a text that has its key.

    `of_company`: it comes from a list of companies, where a longer name around it is another company's; `is_code`: it is a
    ticker or a number; `doubt`: why it may mean something else, and counts only in context; see companies.py.
    """

    def __init__(
        self,
        entry: str,
        words: str,
        *,
        of_company: bool = False,
        is_code: bool = False,
        doubt: Doubt | None = None,
        any_case: bool = False,
    ) -> None:
        """`words` are spelled."""
        self.entry = entry
        # In a script without upper case a ticker in capitals cannot be taken for a word.
        self.as_written = not any_case and words.isupper() and not _UNSPACED_RUN.search(words)
        self.words = words if self.as_written else caseless(words)
        self.of_company, self.is_code, self.doubt = of_company, is_code, doubt

    @cached_property
    def _search(self) -> re.Pattern[str]:
        pieces = _LOOSE.split(" ".join(self.words.split()))
        return re.compile(r"\s*".join(re.escape(piece).replace(r"\ ", r"\s+") for piece in pieces))

    @property
    def keys(self) -> list[str]:
        """The words, and the pairs of characters of scripts without blanks, each of which finds it; empty without a letter."""
        return keys_of(caseless(self.words), alone=True)

    def places(self, plain: str, folded: str) -> list[tuple[int, int]]:
        """Where the name is in a spelled text, start and end, without a letter beside it that makes it part of another word.

        `folded` is the text caseless.
        """
        text, found = plain if self.as_written else folded, []
        match = self._search.search(text)
        while match:
            inside = within_word(text, match.start()) or within_word(text, match.end())
            if not inside:
                found.append(match.span())
            match = self._search.search(text, match.start() + 1 if inside else match.end())
        if found and not self.as_written and len(folded) != len(plain):
            back = _unfolded(plain)
            return [(back[min(start, len(back) - 1)], back[min(end, len(back) - 1)]) for start, end in found]
        return found


def _unfolded(plain: str) -> list[int]:
    """For each place of a caseless text that is longer than the text the place there, and the end."""
    return [*(at for at, character in enumerate(plain) for _ in caseless(character)), len(plain)]


class Hit(NamedTuple):
    """A name in a text, before it is known whether it counts: characters from `start` up to `end` of the spelled text."""

    name: Name
    start: int
    end: int


def keys_of(folded: str, *, alone: bool = False) -> list[str]:
    """The keys of a caseless text: its words, and the characters and pairs of characters of scripts without blanks.

    With `alone` those that a name may be filed under: no single character where there is anything longer.
    """
    words = _WORD.findall(folded)
    runs = [] if folded.isascii() else _UNSPACED_RUN.findall(folded)
    pairs = ["".join(pair) for run in runs for pair in pairwise(run)]
    if alone:
        return [key for key in (*words, *pairs) if len(key) > 1] or [*words, *runs]
    return [*words, *pairs, *(character for run in runs for character in run)]


def has_unspaced(key: str) -> bool:
    """Whether a key is of a script without blanks."""
    return _UNSPACED_RUN.match(key) is not None


def words_in(folded: str) -> list[str]:
    """The words of a caseless text, without scripts that have no blanks."""
    return _WORD.findall(folded)
