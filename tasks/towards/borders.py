"""Where one thing that a text says ends and the next begins, in English and Chinese.

A border is a place and a strength: the end of a sentence parts more surely than a semicolon, that than `but`, and `but` than a
comma. A comma and a full stop within a number part nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tasks.model.text.scripts import UNSPACED

WEAK, COMMA, CONNECTOR, SEMICOLON, SENTENCE = 1, 2, 3, 4, 5
_ABBREVIATIONS = (
    "Inc|Corp|Co|Ltd|Cos|Bros|Mr|Mrs|Ms|Dr|St|No|Nos|vs|Jr|Sr|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec"
)
_CONNECTORS = (
    "but|while|whilst|whereas|although|though|even though|even as|even if|yet|however|meanwhile|unlike|in contrast|by contrast|"
    "on the other hand|instead|nevertheless|despite|in spite of"
)
_WEAK = "and|as|after|before|because|since|when|where|once|with|so that|just when|just as|thanks to|due to"
_CHINESE_CONNECTORS = "但是|但|而(?!且|言|成|来|后)|不过|然而|反观|相比之下|与之相比|与此同时|同时|可是|尽管|虽然|反之|另一方面"
_CHINESE_WEAK = "因为|因(?!此)|由于|导致|致使|使得|随着|并且"
_MARKS = re.compile("[。！？!?\n;；|,，.．–—-]+")
_CLOSING = "”’」』\"')]"
# Without IGNORECASE, and each alternative begins with a letter: so it is looked for by its first letters, in C.
_ENGLISH = "|".join(rf"{word}\b" for word in f"{_CONNECTORS}|{_WEAK}".split("|"))
_WORDS = re.compile(f"{_ENGLISH}|{_CHINESE_CONNECTORS}|{_CHINESE_WEAK}")
_CONNECTED = re.compile(f"(?:{_CONNECTORS}|{_CHINESE_CONNECTORS})")
_ABBREVIATED = re.compile(rf"\b(?:{_ABBREVIATIONS}|[A-Za-z])\Z")
_UNSPACED = re.compile(f"[{UNSPACED}]")
# What stands between two names of which one thing is said: `A and B rose`, `A与B双双中标`.
_COORDINATED = re.compile(r"\s*(?:,|、|/|&|\+|and|or|as well as|和|与|及|以及|、|跟|同)?\s*(?:the\s+)?", re.IGNORECASE)


_BEGINS = re.compile(rf"[\s,，;；.。|]*(?:(?:{_CONNECTORS}|and|as)\b|{_CHINESE_CONNECTORS})?\s*", re.IGNORECASE)
_ENDS = re.compile(r"[\s,，;；.。|]+\Z")


class Border(NamedTuple):
    """A place where a text can be parted: behind a mark, before a connector."""

    place: int
    strength: int


def borders(text: str, begin: int, end: int) -> list[Border]:
    """The borders between two places of a text, in their order."""
    found = []
    for match in _MARKS.finditer(text, begin, end):
        strength = _strength(text, match.start(), match.end())
        if strength:
            place = match.end()
            while strength == SENTENCE and place < end and text[place] in _CLOSING:
                place += 1
            found.append(Border(place, strength))
    lower = text.lower()
    for match in _WORDS.finditer(lower if len(lower) == len(text) else text, begin, end):
        start, word = match.span()[0], match[0]
        if not word.isascii() or start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_"):
            found.append(Border(start, CONNECTOR if _CONNECTED.fullmatch(word) else WEAK))
    return sorted(found)


def _strength(text: str, start: int, end: int) -> int:
    """How surely marks part what is beside them; 0 where they part nothing, as within a number or behind an abbreviation."""
    marks = text[start:end]
    before, after = text[start - 1 : start], text[end : end + 1]
    if any(mark in "。！？!?\n" for mark in marks):
        return SENTENCE
    if any(mark in ";；|" for mark in marks):
        return SEMICOLON
    if any(mark in "–—-" for mark in marks):
        return SEMICOLON if "—" in marks or (before.isspace() and after.isspace()) else 0
    if any(mark in ",，" for mark in marks):
        return 0 if before.isdigit() and after.isdigit() else COMMA
    return SENTENCE if _ends_sentence(text, start, end) else 0


def _ends_sentence(text: str, start: int, end: int) -> bool:
    """Whether a full stop ends a sentence: behind a Chinese character, or before a blank and a capital, a digit or Chinese."""
    if start and _UNSPACED.match(text, start - 1):
        return not text[end : end + 1].isdigit()
    rest = text[end:].lstrip(_CLOSING)
    follows = rest.lstrip().lstrip("\"'([")[:1]
    if not rest[:1].isspace() or not (follows.isupper() or follows.isdigit() or _UNSPACED.match(follows)):
        return False
    return not _ABBREVIATED.search(text, max(0, start - 8), start)


def strongest(text: str, begin: int, end: int) -> Border | None:
    """The strongest border between two places, of several the last; None where there is no border."""
    found = borders(text, begin, end)
    return max(reversed(found), key=lambda border: border.strength) if found else None


def without_borders(part: str) -> str:
    """A part without the marks and the connector at which it was cut off: they belong to neither side."""
    return _ENDS.sub("", part[_begin(part) :])


def _begin(part: str) -> int:
    match = _BEGINS.match(part)
    return match.end() if match else 0


def are_coordinated(between: str) -> bool:
    """Whether what is between two names makes one subject of them, such as `and`."""
    return _COORDINATED.fullmatch(between) is not None
