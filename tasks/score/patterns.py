r"""Regular expressions in RE2's syntax that are looked for between the borders of words.

A border is wanted only where both sides are letters of scripts that put blanks between words. RE2 has no look-around, and so
this is asked in steps. First the expression, with a character beside it that cannot continue a word. Of a text that has the
expression but not so, such as `裁员` in `裁员300人`, RE2's `\b` knows the borders if all letters of such scripts are ASCII. Any
other is cut where a word ends and something else begins, and the expression has to begin or end at a cut. One more character of
the text stays beyond it, so that `^` and `$` keep their meaning.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError
from tasks.model.text.scripts import UNSPACED
from tasks.score.spelling import is_spaced, spelled, spelled_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NEAR = 1000  # characters of a text that are looked at from a cut
MOST_PAIRS = 2000  # of cuts that are tried together
_ASCII = frozenset(map(chr, range(128)))
_NO_WORD = rf"[^\pL\pM\pN_]|[{UNSPACED}]"
_BEFORE, _AFTER, _ONE = rf"(?:^|{_NO_WORD})", rf"(?:$|{_NO_WORD})", "(?s:.)"
_BEFORE_ASCII, _AFTER_ASCII = rf"(?:^|{_NO_WORD}|[0-9A-Za-z_]\b)", rf"(?:$|{_NO_WORD}|\b[0-9A-Za-z_])"
# An expression of which every match begins and ends with a letter: beside another letter it is never at a border.
_LETTERS_ALONE = re.compile(rf"(?:[^\W{UNSPACED}]|[|?()*+])*")


class Patterns:
    """The expressions of a watch-list by their entries, ready to be looked for, in any case."""

    def __init__(self, patterns: Mapping[str, str], *, origin: str) -> None:
        """RequestError names the entry whose expression cannot be used."""
        patterns = {entry: spelled_pattern(pattern) for entry, pattern in patterns.items()}
        self._bare = {entry: f"(?:{pattern})" for entry, pattern in patterns.items()}
        self._may_be_glued = {entry for entry, pattern in patterns.items() if not _LETTERS_ALONE.fullmatch(pattern)}
        for entry, bare in self._bare.items():
            _check(f"{_BEFORE}{bare}{_AFTER}", f"{origin}: pattern {entry!r}")
        self._groups = _grouped(list(self._bare.items()))

    def find(self, texts: Sequence[str], found: Sequence[set[str]]) -> None:
        """Add to `found` the entries of which each text has a match, as it was written or as it is `spelled`."""
        if not self._bare:
            return
        others = [(row, other) for row, text in enumerate(texts) if (other := spelled(text)) != text]
        column = pa.array([*texts, *(other for _, other in others)], pa.string())
        rows_of = np.array([*range(len(texts)), *(row for row, _ in others)])
        for any_of_them, patterns in self._groups:
            (places,) = np.nonzero(_matches(column, any_of_them))  # most texts match none
            if not len(places):
                continue  # to compile each pattern takes longer than to look for it
            some = column.take(pa.array(places))
            for entry, bare in patterns:
                for row in rows_of[places[self._between_borders(entry, bare, some)]]:
                    found[row].add(entry)

    def place(self, entry: str, text: str) -> tuple[int, int]:
        """Where a spelled text that has a match of an entry has the first, start and end; all of it where none is found."""
        column, pattern = pa.array([text], pa.string()), f"(?i){self._bare[entry]}"
        start = len(text.encode()[: max(0, pc.find_substring_regex(column, pattern)[0].as_py())].decode())
        rest = pc.replace_substring_regex(column, pattern, "*", max_replacements=1)[0].as_py()
        return (start, start + len(text) - len(rest) + 1) if rest != text else (0, len(text))

    def _between_borders(self, entry: str, bare: str, column: pa.Array) -> np.ndarray:
        held = _matches(column, f"{_BEFORE}{bare}{_AFTER}")
        if entry in self._may_be_glued and not held.all():
            (rows,) = np.nonzero(~held & _matches(column, bare))
            texts = column.take(pa.array(rows)).to_pylist()
            held[rows] = _matches(pa.array(texts, pa.string()), f"{_BEFORE_ASCII}{bare}{_AFTER_ASCII}")
            for row, text in zip(rows, texts, strict=True):
                if any(map(is_spaced, set(text) - _ASCII)):
                    held[row] = _is_at_cut(text, bare)
        return held


def _is_at_cut(text: str, bare: str) -> bool:
    """Whether a match begins where a word has ended without a blank, or ends where one begins, and is at a border elsewhere."""
    spaced = [is_spaced(character) for character in text]
    cuts = [place for place in range(1, len(text)) if spaced[place - 1] != spaced[place]]
    starts = [place for place in cuts if spaced[place - 1]]
    ends = [place for place in cuts if spaced[place]]
    starts = _kept(starts, (text[at - 1 : at + NEAR] for at in starts), rf"\A{_ONE}{bare}")
    ends = _kept(ends, (text[max(0, at - NEAR) : at + 1] for at in ends), rf"{bare}{_ONE}\z")
    if _any_matches((text[at - 1 : at + NEAR] for at in starts), rf"\A{_ONE}{bare}{_AFTER}"):
        return True
    if _any_matches((text[max(0, at - NEAR) : at + 1] for at in ends), rf"{_BEFORE}{bare}{_ONE}\z"):
        return True
    pairs = (text[start - 1 : end + 1] for start in starts for end in ends if start < end <= start + NEAR)
    return _any_matches(itertools.islice(pairs, MOST_PAIRS), rf"\A{_ONE}{bare}{_ONE}\z")


def _kept(places: Sequence[int], parts: Iterable[str], pattern: str) -> list[int]:
    column = pa.array(list(parts), pa.string())
    return list(itertools.compress(places, _matches(column, pattern).tolist()))


def _any_matches(parts: Iterable[str], pattern: str) -> bool:
    return bool(_matches(pa.array(list(parts), pa.string()), pattern).any())


def _grouped(patterns: list[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The patterns in as few groups as RE2 takes in one expression, each with the expression that matches any of them."""
    if not patterns:
        return []
    any_of_them = "|".join(pattern for _, pattern in patterns)
    try:
        _matches(pa.array([""], pa.string()), any_of_them)
    except pa.ArrowInvalid:  # too large; each alone was checked
        half = len(patterns) // 2
        return [*_grouped(patterns[:half]), *_grouped(patterns[half:])] if half else [(patterns[0][1], patterns)]
    return [(any_of_them, patterns)]


def _matches(column: pa.Array, pattern: str) -> np.ndarray:
    found: np.ndarray = pc.match_substring_regex(column, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
    return found.astype(bool)


def _check(pattern: str, where: str) -> None:
    try:
        matched = _matches(pa.array([""], pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise RequestError(f"{where} is not an RE2 expression ({error}); correct it") from None
    if matched[0]:
        raise RequestError(f"{where} matches an empty text, and so every text; make it say what to look for")
