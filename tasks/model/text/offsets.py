"""What clean.py does to a text, with the places kept: from which part of the original each character comes.

Cutting texts is no slower for it: nothing here is called unless places are asked for.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from . import clean as cleaning
from .han import simplified

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = re.compile(r"\s+|\S+")
_BREAK = re.compile(re.escape(cleaning.BREAK))
_JAMO = range(0x1160, 0x1200)  # vowels and finals of Hangul, which make one character with what is before them


class Traced:
    """A rewritten text; `start` and `end` say for each of its characters which part of the original it comes from: int64."""

    def __init__(self, text: str, start: np.ndarray | None = None, end: np.ndarray | None = None) -> None:
        self.text = text
        self._start, self._end = start, end

    @property
    def start(self) -> np.ndarray:
        """Where in the original each character's part begins."""
        return np.arange(len(self.text)) if self._start is None else self._start

    @property
    def end(self) -> np.ndarray:
        """Where in the original each character's part ends."""
        return np.arange(1, len(self.text) + 1) if self._end is None else self._end

    @property
    def is_in_place(self) -> bool:
        """Whether each character is where it was."""
        return self._start is None

    def __add__(self, other: Traced) -> Traced:
        return Traced(self.text + other.text, *map(np.concatenate, ((self.start, other.start), (self.end, other.end))))

    def __getitem__(self, part: slice) -> Traced:
        return Traced(self.text[part], self.start[part], self.end[part])

    def point(self, at: int) -> tuple[int, int]:
        """The place of no width before character `at`."""
        place = int(self.start[at] if at < len(self.text) else self.end[-1] if self.text else 0)
        return place, place

    def sub(self, pattern: re.Pattern[str], instead: str | Callable[[re.Match[str]], str]) -> Traced:
        """As `re.sub`, with `instead` as it is; what takes the place of a match comes from all of it, unless it is as long."""
        if pattern.search(self.text) is None:
            return self
        made = _Pieces(self)
        for match in pattern.finditer(self.text):
            made.keep(match.start())
            made.replace(match.end(), instead if isinstance(instead, str) else instead(match))
        return made.whole()

    def rewritten(self, function: Callable[[str], str]) -> Traced:
        """The text as `function` writes it, which changes characters and may join or part neighbours; str.lower joins none."""
        new = function(self.text)
        if new == self.text:
            return self
        if len(new) == len(self.text) and (self.text.isascii() or function is str.lower):  # nothing was joined or parted
            return Traced(new, self._start, self._end)
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
        self._source_start, self._source_end = source.start, source.end
        self._text: list[str] = []
        self._start: list[np.ndarray] = [np.zeros(0, np.int64)]
        self._end: list[np.ndarray] = [np.zeros(0, np.int64)]

    def keep(self, stop: int) -> None:
        """Take the source's characters up to `stop` as they are."""
        self._add(stop, self.source.text[self.at : stop], self._source_start[self.at : stop], self._source_end[self.at : stop])

    def replace(self, stop: int, instead: str) -> None:
        """Take `instead` for the source's characters up to `stop`."""
        if len(instead) == stop - self.at:
            self._add(stop, instead, self._source_start[self.at : stop], self._source_end[self.at : stop])
            return
        before = self._source_end[self.at - 1] if self.at else 0
        first, last = (self._source_start[self.at], self._source_end[stop - 1]) if stop > self.at else (before, before)
        self._add(stop, instead, np.full(len(instead), first), np.full(len(instead), last))

    def whole(self) -> Traced:
        """All of it, with the rest of the source."""
        self.keep(len(self.source.text))
        return Traced("".join(self._text), np.concatenate(self._start), np.concatenate(self._end))

    def _add(self, stop: int, text: str, start: np.ndarray, end: np.ndarray) -> None:
        self._text.append(text)
        self._start.append(start)
        self._end.append(end)
        self.at = stop


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
