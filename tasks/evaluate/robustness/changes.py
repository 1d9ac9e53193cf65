"""Changes of a text that a person would read past, and one that turns its meaning: pure functions of a text and a draw.

A draw has random numbers of the text's own (of seed, change and text), and the words that the run knows; so a text is changed
in the same way whatever other texts there are. A text in which there is nothing to change comes back as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from tasks.evaluate.robustness.words import exchanged
from tasks.model.text.scripts import UNSPACED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from opencc import OpenCC

MISSPELLED = 0.1  # of the words of at least four letters; one at least
# Patterns are compiled when they are needed: the command line imports this module for its options.
_LONG_WORD = rf"[^\W\d_{UNSPACED}]{{4,}}"
_MARKS, _WIDE_MARKS = re.escape(".,;:!?\"'()[]{}-"), "、。，；：！？“”‘’（）《》〈〉【】「」『』…—–·"  # noqa: RUF001 marks of Chinese texts
_MARK = rf"(?<!\w)(?!-\d)[{_MARKS}]|[{_MARKS}](?!\w)|[{_WIDE_MARKS}]"  # not within a word or number, nor a minus
_DIGITS = "[0-9]+"
_CAPITAL = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03a9\u0410-\u042f][\w&'\u2019]*(?:-\w+)*"
_NAME = rf"(?<=[\w,;] ){_CAPITAL}(?: {_CAPITAL})*"
_AUXILIARY = (
    r"(?i)\b(is|are|was|were|will|would|has|have|had|can|could|should|may|might|must|do|does|did)\b(?! not\b|n['\u2019]t)"
)
_CHINESE = {
    "可以": "不可以",
    "可能": "不可能",
    "是": "不是",
    "会": "不会",
    "能": "不能",
    "将": "不会",
    "已": "未",
    "有": "没有",
}
_PREDICATE = "|".join(_CHINESE)
_HAN = "[\u4e00-\u9fff]"


@dataclass(frozen=True)
class Draw:
    """What a change draws from: random numbers; names of the corpus or of a watch-list; pairs of words by the first."""

    random: Random
    names: Sequence[str] = ()
    known: re.Pattern[str] | None = None  # finds the names of a watch-list
    partners: Mapping[str, str] = field(default_factory=dict)
    pairs: re.Pattern[str] | None = None  # finds the words of the pairs


def misspelled(text: str, draw: Draw) -> str:
    """A tenth of the longer words with two letters swapped, one left out, or one doubled, never the first."""
    words = list(re.finditer(_LONG_WORD, text))
    if not words:
        return text
    chosen = [word for word in words if draw.random.random() < MISSPELLED] or [draw.random.choice(words)]
    for match in reversed(chosen):
        at = draw.random.randrange(match.start() + 1, match.end() - 1)
        one, two = text[at], text[at + 1]
        written = draw.random.choice([two + one, two, one + one + two])
        text = text[:at] + written + text[at + 2 :]
    return text


def upper(text: str, draw: Draw) -> str:
    """Capitals alone."""
    return text.upper()


def lower(text: str, draw: Draw) -> str:
    """No capitals."""
    return text.lower()


def unpunctuated(text: str, draw: Draw) -> str:
    """No marks but those within words and numbers, signs of numbers, % and signs of currencies."""
    return re.sub(_MARK, "", text)


def other_numbers(text: str, draw: Draw) -> str:
    """Other digits, as many, in each number; a first digit that is not 0 stays so."""

    def digits(match: re.Match[str]) -> str:
        first = draw.random.choice("0" if match[0][0] == "0" else "123456789")
        return first + "".join(draw.random.choice("0123456789") for _ in match[0][1:])

    return re.sub(_DIGITS, digits, text)


def other_names(text: str, draw: Draw) -> str:
    """Each name exchanged for another of the pool, the same one wherever the text has it.

    Names are those of a watch-list where there is one, else words in capitals within a sentence.
    """
    taken: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        name = match[0]
        if name not in taken:
            pool = [each for each in draw.random.sample(draw.names, min(20, len(draw.names))) if each != name]
            alike = [each for each in pool if each.isascii() == name.isascii()]
            taken[name] = alike[0] if alike else name
        return taken[name]

    return re.sub(draw.known or _NAME, other, text)


def names_in(text: str) -> list[str]:
    """Words in capitals that do not begin a sentence, joined where they follow each other."""
    return re.findall(_NAME, text)


def negated(text: str, draw: Draw) -> str:
    """`not` behind the first auxiliary verb, in Chinese 不 or its like before the first of some; else a denial in front."""
    if re.search(_HAN, text):
        found = re.search(_PREDICATE, text)
        return re.sub(_PREDICATE, lambda match: _CHINESE[match[0]], text, count=1) if found else f"并非{text}"
    if re.search(_AUXILIARY, text):
        return re.sub(_AUXILIARY, r"\1 not", text, count=1)
    return f"It is not true that {text[:1].lower()}{text[1:]}" if text.strip() else text


def traditional(text: str, draw: Draw) -> str:
    """Traditional characters for simplified Chinese, by OpenCC's phrases."""
    return text if text.isascii() else _converter().convert(text)


def simplified(text: str, draw: Draw) -> str:
    """Simplified characters for traditional Chinese."""
    from tasks.model.text.han import simplified as converted

    return converted(text)


def full_width(text: str, draw: Draw) -> str:
    """Full-width letters, digits and signs, as Chinese and Japanese keyboards write them."""
    return text.translate(_WIDE)


def half_width(text: str, draw: Draw) -> str:
    """Letters, digits and signs of ordinary width."""
    from tasks.model.text.clean import OTHER_WIDTH, ordinary_width

    return OTHER_WIDTH.sub(ordinary_width, text)


def with_others(text: str, draw: Draw) -> str:
    """Each word of the pairs exchanged for its partner."""
    return text if draw.pairs is None else exchanged(text, draw.pairs, draw.partners)


@cache
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("s2t")


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
