"""The script that most letters of a text are of, by the names that Unicode gives to letters."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

SAMPLE_CHARS = 300  # of each text that is looked at
NO_LETTERS = "no letters"
_WIDTH = re.compile("^(?:FULLWIDTH|HALFWIDTH) ")
_CALLED = {"cjk": "han", "hiragana": "japanese", "katakana": "japanese"}


def script_of(text: str) -> str:
    """`latin`, `han`, `cyrillic` ... of the first letters; hiragana and katakana make a text japanese."""
    sample = text[:SAMPLE_CHARS]
    if sample.isascii():
        return "latin" if any(map(str.isalpha, sample)) else NO_LETTERS
    counts = Counter(map(_of, sample))
    del counts[""]
    if counts["japanese"] * 10 > counts["han"]:
        counts["japanese"] += counts.pop("han", 0)
    script, number = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return script if number else NO_LETTERS


@lru_cache(maxsize=1 << 15)
def _of(letter: str) -> str:
    """The script of a letter; empty for any other character."""
    if not letter.isalpha():
        return ""
    name = _WIDTH.sub("", unicodedata.name(letter, "other")).split()[0].split("-")[0].lower()
    return _CALLED.get(name, name)
