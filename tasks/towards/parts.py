"""Which part of a text speaks of which name.

Between two names that follow each other lies one border, the strongest there is; where there is none, the second name is it.
What comes before the first name belongs to it, what comes behind the last to that one, and of a name that comes back all its
parts are one. Two names with nothing but `and` between them share a part. So each word of a text belongs to some name.

A text with one name is its part, but for what is beyond a connector or the end of a sentence and has a capital that no name of
the list explains: that speaks of a company that is not on the list. Where there are no capitals, as in Chinese, none is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tasks.towards.borders import CONNECTOR, SENTENCE, are_coordinated, borders, strongest, without_borders

if TYPE_CHECKING:
    from collections.abc import Sequence


class Mention(NamedTuple):
    """Where a text has a name: characters from `start` up to `end`."""

    name: str
    start: int
    end: int


class Mentioned(NamedTuple):
    """A text as a model reads it, and where it has which names."""

    text: str
    mentions: Sequence[Mention]

    @property
    def names(self) -> list[str]:
        """The names in alphabetical order, each once."""
        return sorted({mention.name for mention in self.mentions})


Spans = list[tuple[int, int]]
_WORDS = re.compile(r"(?<![^\W_])[^\W\d_][\w&'\u2019-]*")
_CAPITALS = """
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october
november december group the it its he she they we i this that these those there in on at for mr mrs ms
"""
_NO_COMPANY = frozenset(_CAPITALS.split())


def parts_of(text: str, mentions: Sequence[Mention]) -> dict[str, Spans]:
    """For each name the spans of the text that speak of it, in their order; `mentions` come in any order."""
    groups = _groups(text, sorted(mentions, key=lambda each: (each.start, -each.end)))
    found: dict[str, Spans] = {}
    begin = 0
    for place, group in enumerate(groups):
        end = len(text) if place + 1 == len(groups) else _border(text, _end(group), groups[place + 1][0].start)
        for name in dict.fromkeys(each.name for each in group):
            spans = found.setdefault(name, [])
            if spans and spans[-1][1] == begin:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
        begin = end
    return found


def own_part(text: str, mentions: Sequence[Mention]) -> Spans:
    """The spans of a text that speak of its only name."""
    cuts = [border for border in borders(text, 0, len(text)) if border.strength in (CONNECTOR, SENTENCE)]
    if not cuts or _is_title_case(text):
        return [(0, len(text))]
    found: Spans = []
    ends = [*(border.place for border in cuts), len(text)]
    for begin, end, strength in zip([0, *ends], ends, [SENTENCE, *(border.strength for border in cuts)], strict=False):
        is_own = any(begin <= mention.start < end for mention in mentions)
        if is_own or not _has_other_name(text[begin:end], begins_sentence=strength == SENTENCE):
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], end)
            else:
                found.append((begin, end))
    return found


def _has_other_name(part: str, *, begins_sentence: bool) -> bool:
    """Whether a part has a word with a capital that may be a company: an abbreviation, a month and the like are none."""
    first, words = True, _WORDS.findall(without_borders(part))
    for word in words:
        is_name = word[0].isupper() and len(word) > 2 and not word.isupper() and word.lower() not in _NO_COMPANY
        if is_name and not (first and begins_sentence):
            return True
        first = False
    return False


def _is_title_case(text: str) -> bool:
    beginnings = [word[0] for word in _WORDS.findall(text)]
    return 2 * sum(map(str.islower, beginnings)) <= len(beginnings)


def _groups(text: str, mentions: Sequence[Mention]) -> list[list[Mention]]:
    """Mentions of which one thing is said: of one name after another, of names that are coordinated, or that overlap."""
    groups: list[list[Mention]] = []
    for mention in mentions:
        last = groups[-1] if groups else []
        if last and (
            {each.name for each in last} == {mention.name}
            or mention.start < _end(last)
            or are_coordinated(text[_end(last) : mention.start])
        ):
            last.append(mention)
        else:
            groups.append([mention])
    return groups


def _end(group: Sequence[Mention]) -> int:
    return max(mention.end for mention in group)


def _border(text: str, begin: int, end: int) -> int:
    border = strongest(text, begin, end)
    return end if border is None else border.place
