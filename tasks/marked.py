"""A text in parts, each with how strongly it speaks for a label or against it: for a terminal and for pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.model.text.offsets import Traced
from tasks.shown import excerpt, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from markupsafe import Markup

    from tasks.model.explain import Share

STYLE = Path(__file__).with_suffix(".css")  # of `as_html`
LEVELS = (0.1, 0.25, 0.5)  # parts of the heaviest share from which a word's level is 1, 2, 3
_BLANKS = re.compile(r"\s+")


class Mark(NamedTuple):
    """A part of a text, and its level: 1 to 3 for what speaks for the label, -1 to -3 against it."""

    start: int
    end: int
    level: int


class Why(NamedTuple):
    """What decided about a text: its marks, and the heaviest words for the label and against it with their shares."""

    marks: Sequence[Mark] = ()
    words_for: Sequence[tuple[str, float]] = ()
    words_against: Sequence[tuple[str, float]] = ()


if TYPE_CHECKING:
    Explainer = Callable[[Sequence[str]], Sequence[Why]]  # of each text


def marks(words: Iterable[Share]) -> list[Mark]:
    """The marks of words with their shares, in the order of the text; words with next to no share have none."""
    words = list(words)
    most = max((abs(word.share) for word in words), default=0.0)
    found: list[Mark] = []
    for word in words:
        level = sum(abs(word.share) >= least * most for least in LEVELS) if word.share else 0
        if level and word.start < word.end and (not found or word.start >= found[-1].end):
            found.append(Mark(word.start, word.end, level if word.share > 0 else -level))
    return found


def marked_excerpt(text: str, marked: Iterable[Mark], length: int) -> tuple[str, list[Mark]]:
    """`excerpt` of a text, and its marks there."""
    folded = Traced(text).sub(_BLANKS, " ")
    left = len(folded.text) - len(folded.text.lstrip(" "))
    shown = excerpt(text, length)
    # What is shown and no ellipsis is the beginning of the folded text.
    kept = len(shown) if len(shown) == len(folded.text.strip(" ")) else len(shown) - 1
    place = {folded.start[at]: at - left for at in range(left, left + kept)}
    ends = {folded.end[at]: at - left + 1 for at in range(left, left + kept)}
    return shown, [
        Mark(place[mark.start], ends[mark.end], mark.level) for mark in marked if mark.start in place and mark.end in ends
    ]


def parts(text: str, marked: Sequence[Mark | Sequence[int]]) -> Iterator[tuple[str, int]]:
    """The text cut at its marks: each part with its level, 0 for what has none. Together the parts are the text."""
    at = 0
    for start, end, level in marked:
        yield text[at:start], 0
        yield text[start:end], level
        at = end
    yield text[at:], 0


def as_html(text: str, marked: Sequence[Mark | Sequence[int]]) -> Markup:
    """The text with its marks as HTML elements; all of it is escaped, and what cannot be seen is named."""
    from markupsafe import Markup, escape

    shown = Markup()
    for part, level in parts(text, marked):
        one = escape(visible(part))
        name = "for" if level > 0 else "against"
        shown += Markup('<mark class="{}{}">{}</mark>').format(name, abs(level), one) if level else one
    return shown
