"""The signs and percent signs of numbers, which no tokenizer drops: without them -5.5% would read as 5.5%.

A hyphen is not a sign behind a letter or a digit (Q2-2008, COVID-19, 10-20%), or behind a number with its Chinese unit
(1\u6708-6\u6708).
"""

from __future__ import annotations

import re
from functools import cache

from .scripts import UNSPACED

MINUS, PLUS = "\\-\u2010-\u2015\u2212\ufe63\uff0d", "+\ufe62\uff0b"
PERCENT = "%\ufe6a\uff05"  # the inside of a character class, as all of these
_MARK = f"[{MINUS}{PLUS}\u00b1]"
_ARROWS = "\u2191\u2193\u25b2\u25b3\u25bc\u25bd"  # which way a figure went, before it or after it
# The character comes first in the pattern: a text without any is searched fast.
SIGN = (
    rf"[{MINUS}{PLUS}\u00b1{_ARROWS}](?:"
    rf"(?=[^\w\s{MINUS}{PLUS}]?\d|\.\d)(?<={_MARK})(?<![^\W{UNSPACED}].)(?<![{PERCENT})\]{MINUS}{PLUS}\u00b1].)"
    rf"(?<!\d[{UNSPACED}].)(?<!\d[{UNSPACED}][{UNSPACED}].)"
    rf"|(?<=[{_ARROWS}])(?:(?=\s?[^\w\s]?\d)|(?<=[\d{PERCENT}].)|(?<=[\d{PERCENT}]\s.)))"
)
# Until the text is cut, a sign is a control character, of which a cleaned text has none.
_SET_APART = dict(zip(f"-+\u00b1{_ARROWS}", "\x01\x02\x03\x04\x05\x06\x07\x08\x0e", strict=True))
SIGN_TOKENS = {mark: sign for sign, mark in _SET_APART.items()}


def with_plain_signs(text: str, *, apart: bool = True) -> str:
    """Write the sign of each number as -, + or \u00b1, and % directly behind its number: `up 5 %` as `5%`.

    With `apart` signs become control characters between blanks (see SIGN_TOKENS), so that no hyphen is taken for one later.
    """

    def plain(match: re.Match[str]) -> str:
        mark = match.group()
        sign = mark if mark in _SET_APART else "+" if mark in PLUS else "-"
        return f" {_SET_APART[sign]} " if apart else sign

    signs, percents = _patterns()
    wide = not text.isascii()  # else a look for the few characters that there may be is faster than a search
    if wide or "-" in text or "+" in text:
        text = signs.sub(plain, text)
    return percents.sub("%", text) if wide or "%" in text else text


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A number's sign, and its percent sign. Compiled late: these take 20 ms, and the command line imports this module."""
    return re.compile(SIGN), re.compile(rf"(?<=\d)\s?[{PERCENT}]")
