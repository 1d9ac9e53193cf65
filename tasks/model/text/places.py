"""Where in texts their tokens are, whichever tokenizer cut them, for whoever wants to mark them.

Where the tokens are all of the text but its blanks, characters are counted, for many texts at once. Else letters and digits
are counted, which are all in the tokens, and a mark at the edge of a token is looked for by itself.

Shapes: N texts, T tokens of them one after another, P characters of them one after another.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ..padding import ragged
from .signs import MINUS, PERCENT, PLUS
from .tokenizer import BLANK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .offsets import Traced

TABLES = (0x80, 0x3000, 0x10000, 0x110000)  # code points; a table of all takes a tenth of a second to make
_ALIKE = {
    "'": re.compile("['\u2019]"),
    "-": re.compile(f"[{MINUS}]"),
    "+": re.compile(f"[{PLUS}]"),
    "%": re.compile(f"[{PERCENT}]"),
    BLANK: re.compile(r"\s+"),
}


def places(texts: Sequence[Traced], documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each token in the original of its cleaned text: int64 [T] both, in the order of `documents`.

    A token that comes from no character of its text has no width.
    """
    whole_N = np.array(
        ["".join(text.text.split()) == "".join(tokens) for text, tokens in zip(texts, documents, strict=True)], bool
    )
    first_N = _before(map(len, documents))
    found = np.zeros((2, first_N[-1]), np.int64)
    for rows, are_counted in ((np.flatnonzero(whole_N), _are_no_blanks), (np.flatnonzero(~whole_N), _are_letters)):
        chosen = [texts[row] for row in rows.tolist()], [documents[row] for row in rows.tolist()]
        at, _ = ragged(first_N, rows)
        counted = _counted(*chosen, are_counted)
        found[:, at] = (
            np.concatenate([_one_by_one(*each) for each in zip(*chosen, strict=True)], 1) if counted is None else counted
        )
    return found[0], found[1]


def _one_by_one(text: Traced, tokens: Sequence[str]) -> np.ndarray:
    """The places of a text's tokens, [2, T]."""
    counted = _counted([text], [tokens], _are_letters)
    if counted is not None:
        return counted
    start_T, end_T = np.array(token_places(text.text, tokens), np.int64).reshape(-1, 2).T
    return _original([text], start_T, end_T, np.zeros(len(tokens), np.int64), np.zeros(1, np.int64))


def _counted(
    texts: Sequence[Traced], documents: Sequence[Sequence[str]], are_counted: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    """The places [2, T] of all tokens by the numbers of the characters that are counted; None if some text has others of those
    than its tokens.
    """
    tokens = list(chain.from_iterable(documents))
    begin_N, first_N = _before(map(len, (each.text for each in texts))), _before(map(len, documents))
    cut_T = _before(map(len, tokens))
    code_P, cut = _codes("".join([each.text for each in texts])), _codes("".join(tokens))
    counted_P, cut_counted = are_counted(code_P), are_counted(cut)
    number_P, cut_number = _before(counted_P), _before(cut_counted)  # of those before each character
    if not np.array_equal(number_P[begin_N], cut_number[cut_T[first_N]]) or not np.array_equal(
        code_P[counted_P], cut[cut_counted]
    ):
        return None
    at = np.append(np.flatnonzero(counted_P), len(code_P))
    start_T, end_T = at[cut_number[cut_T[:-1]]], at[cut_number[cut_T[1:]] - 1] + 1
    document_T = np.repeat(np.arange(len(documents)), np.diff(first_N))
    inner_T = cut_counted[cut_T[:-1]] & cut_counted[cut_T[1:] - 1] if tokens else np.zeros(0, bool)
    for token in np.flatnonzero(~inner_T):  # marks at its edges, or alone
        row = document_T[token]
        last = end_T[token - 1] - begin_N[row] if token > first_N[row] else 0
        place = _place(texts[row].text, int(last), tokens[token])
        if place is None:
            return None
        start_T[token], end_T[token] = begin_N[row] + place[0], begin_N[row] + place[1]
    return _original(texts, start_T, end_T, document_T, begin_N)


def _original(
    texts: Sequence[Traced], start_T: np.ndarray, end_T: np.ndarray, document_T: np.ndarray, begin_N: np.ndarray
) -> np.ndarray:
    """Places in the cleaned texts, which begin at `begin_N`, as places in the originals: [2, T]."""
    begin_T = begin_N[document_T]
    if all(text.is_in_place for text in texts):
        return np.stack([start_T - begin_T, end_T - begin_T])
    nowhere_T = np.flatnonzero(end_T <= start_T)
    points = [
        texts[row].point(int(start - begin_N[row]))
        for row, start in zip(document_T[nowhere_T], start_T[nowhere_T], strict=True)
    ]
    start_P, end_P = (np.concatenate([getattr(text, side) for text in texts]) for side in ("start", "end"))
    start_T, end_T = start_P.take(start_T, mode="clip"), end_P.take(end_T - 1, mode="clip")
    if points:
        start_T[nowhere_T], end_T[nowhere_T] = np.array(points).T
    return np.stack([start_T, end_T])


def _before(counts: Iterable[int] | np.ndarray) -> np.ndarray:
    """The sum of the counts before each, and of all: int64, one more than there are counts."""
    counted = counts if isinstance(counts, np.ndarray) else np.fromiter(counts, np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counted, dtype=np.int64)])


def _codes(text: str) -> np.ndarray:
    """The code points of a text: uint8 or uint32 [P]."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _are_letters(codes: np.ndarray) -> np.ndarray:
    """Which code points are letters or digits, as `str.isalnum` says: bool."""
    return _table(codes, str.isalnum)


def _are_no_blanks(codes: np.ndarray) -> np.ndarray:
    """Which code points are no white space, as `str.isspace` says: bool."""
    return ~_table(codes, str.isspace)


def _table(codes: np.ndarray, says: Callable[[str], bool]) -> np.ndarray:
    most = int(codes.max(initial=0))
    return _answers(says, next(end for end in TABLES if most < end))[codes]


@lru_cache
def _answers(says: Callable[[str], bool], number: int) -> np.ndarray:
    return np.fromiter(map(says, map(chr, range(number))), bool, number)


def token_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Start and end in a cleaned text of each of its tokens, in their order, one after the other.

    A mark of a token is looked for before the next letter, in any of the ways that tokenizers write alike. A token of a
    tokenizer whose tokens do not hold the text's letters in their order is looked for as it is, from the start of the one
    before; one that is not there has no width.
    """
    places: list[tuple[int, int]] = []
    at = before = 0
    for token in tokens:
        place = _place(text, at, token)
        if place is None:
            found = text.find(token, before)
            place = (at, at) if found < 0 else (found, found + len(token))
        places.append(place)
        before, at = place[0], max(at, place[1])
    return places


def _place(text: str, at: int, token: str) -> tuple[int, int] | None:
    """Where a token is that begins at `at` or behind marks; None if it is not there."""
    start = end = None
    for character in token:
        letter = _next_letter(text, at)
        if not character.isalnum():
            first, last = _find_mark(text, at, letter, character)
        elif letter < len(text) and text[letter] == character:
            first, last = letter, letter + 1
        else:
            return None
        if last > first:
            start, end = first if start is None else start, last
            at = last
    return (at, at) if start is None or end is None else (start, end)


def _next_letter(text: str, at: int) -> int:
    while at < len(text) and not text[at].isalnum():
        at += 1
    return at


def _find_mark(text: str, at: int, stop: int, mark: str) -> tuple[int, int]:
    exact = text.find(mark, at, stop)
    if exact >= 0:
        return exact, exact + 1
    match = _ALIKE[mark].search(text, at, stop) if mark in _ALIKE else None
    return match.span() if match else (at, at)
