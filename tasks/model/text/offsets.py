"""Where in a text its tokens are, for whoever wants to mark them: what clean.py and the tokenizers do, with the places kept.

Cutting texts is no slower for it: nothing here is called unless places are asked for.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from . import clean as cleaning
from .han import simplified
from .signs import MINUS, PERCENT, PLUS
from .tokenizer import BLANK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PIECE = re.compile(r"\s+|\S+")
_BREAK = re.compile(re.escape(cleaning.BREAK))
_JAMO = range(0x1160, 0x1200)  # vowels and finals of Hangul, which make one character with what is before them
_ALIKE = {
    "'": re.compile("['\u2019]"),
    "-": re.compile(f"[{MINUS}]"),
    "+": re.compile(f"[{PLUS}]"),
    "%": re.compile(f"[{PERCENT}]"),
    BLANK: re.compile(r"\s+"),
}


class Traced:
    """A rewritten text; `start` and `end` say for each of its characters which part of the original it comes from."""

    def __init__(self, text: str, start: Sequence[int] | None = None, end: Sequence[int] | None = None) -> None:
        self.text = text
        self.start = range(len(text)) if start is None else start
        self.end = range(1, len(text) + 1) if end is None else end

    def __add__(self, other: Traced) -> Traced:
        return Traced(self.text + other.text, [*self.start, *other.start], [*self.end, *other.end])

    def __getitem__(self, part: slice) -> Traced:
        return Traced(self.text[part], self.start[part], self.end[part])

    def point(self, at: int) -> tuple[int, int]:
        """The place of no width before character `at`."""
        place = self.start[at] if at < len(self.text) else self.end[-1] if self.text else 0
        return place, place

    def sub(self, pattern: re.Pattern[str], instead: str | Callable[[re.Match[str]], str]) -> Traced:
        """As `re.sub`; what takes the place of a match comes from all of it, unless it has as many characters."""
        if pattern.search(self.text) is None:
            return self
        made = _Pieces(self)
        for match in pattern.finditer(self.text):
            made.keep(match.start())
            made.replace(match.end(), match.expand(instead) if isinstance(instead, str) else instead(match))
        return made.whole()

    def rewritten(self, function: Callable[[str], str]) -> Traced:
        """The text as `function` writes it, which changes characters and may join or part neighbours."""
        new = function(self.text)
        if new == self.text:
            return self
        if self.text.isascii() and len(new) == len(self.text):  # nothing was joined or parted
            return Traced(new, self.start, self.end)
        pieces = _PIECE.findall(self.text)
        written = [function(piece) for piece in pieces]
        if "".join(written) != new:
            pieces, written = [self.text], [new]
        made = _Pieces(self)
        for piece, now in zip(pieces, written, strict=True):
            for part, part_now in _parts(piece, now, function):
                made.replace(made.at + len(part), part_now)
        return made.whole()


class _Pieces:
    """A text that is being put together from pieces of another and from what takes their place."""

    def __init__(self, source: Traced) -> None:
        self.source, self.at = source, 0
        self._text: list[str] = []
        self._start: list[int] = []
        self._end: list[int] = []

    def keep(self, stop: int) -> None:
        """Take the source's characters up to `stop` as they are."""
        self._text.append(self.source.text[self.at : stop])
        self._start += self.source.start[self.at : stop]
        self._end += self.source.end[self.at : stop]
        self.at = stop

    def replace(self, stop: int, instead: str) -> None:
        """Take `instead` for the source's characters up to `stop`."""
        if len(instead) == stop - self.at:
            start, end = self.source.start[self.at : stop], self.source.end[self.at : stop]
        else:
            start = [self.source.start[self.at]] * len(instead) if stop > self.at else [self._place()] * len(instead)
            end = [self.source.end[stop - 1]] * len(instead) if stop > self.at else start
        self._text.append(instead)
        self._start += start
        self._end += end
        self.at = stop

    def whole(self) -> Traced:
        """All of it, with the rest of the source."""
        self.keep(len(self.source.text))
        return Traced("".join(self._text), self._start, self._end)

    def _place(self) -> int:
        return self.source.end[self.at - 1] if self.at else 0


def _parts(piece: str, now: str, function: Callable[[str], str]) -> list[tuple[str, str]]:
    """A piece cut as finely as `function`, which makes `now` of it, makes of the parts what it makes of the whole."""
    if len(piece) == len(now) or piece == now:
        return [(piece, now)]
    parts: list[str] = []
    for character in piece:
        if parts and (unicodedata.combining(character) or ord(character) in _JAMO):
            parts[-1] += character
        else:
            parts.append(character)
    written = [function(part) for part in parts]
    return list(zip(parts, written, strict=True)) if "".join(written) == now else [(piece, now)]


def traced_clean(
    text: str, *, html: bool = True, lowercase: bool = True, numbers: str = "keep", width: str = "keep", han: str = "keep"
) -> Traced:
    """What `clean` makes of a text, with the places."""
    traced = Traced(text)
    if html:
        if "<" in text:
            traced = _without_tags(traced)
        traced = traced.sub(cleaning.ENTITY, cleaning.decode)
    traced = traced.sub(cleaning.SEPARATORS, " ")
    if traced.text.isascii():
        traced = traced.rewritten(str.lower) if lowercase else traced
    else:
        traced = traced.sub(cleaning.INVISIBLE, "").rewritten(_composed)
        if width == "fold" and cleaning.OTHER_WIDTH.search(traced.text):
            traced = traced.rewritten(lambda part: cleaning.OTHER_WIDTH.sub(cleaning.ordinary_width, part)).rewritten(_composed)
        if han == "simplified":
            traced = traced.rewritten(simplified)
        if lowercase:
            traced = traced.rewritten(str.lower).rewritten(_composed)
    if numbers == "zero":
        traced = traced.sub(cleaning.DIGIT, "0")
    elif numbers == "drop":
        traced = traced.sub(cleaning.NUMBER, " ")
    return traced


def _without_tags(text: Traced) -> Traced:
    text = text.sub(_BREAK, " ")
    for block, opening, closing in cleaning.BLOCKS:
        if opening.search(text.text):
            end = max((match.end() for match in closing.finditer(text.text)), default=0)
            text = text[:end].sub(block, " ") + text[end:]
    return text.sub(cleaning.TAG, " ")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def token_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Start and end in a cleaned text of each of its tokens, in their order.

    Letters and digits of a text are all in its tokens, whatever the tokenizer; so each of a token is the next one of the text.
    A mark of a token is looked for before the next letter, in any of the ways that tokenizers write alike. A token of a
    tokenizer that does otherwise is looked for as it is, from the start of the one before; what is not there has no width.
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
