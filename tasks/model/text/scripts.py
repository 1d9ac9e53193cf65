"""Scripts that are written without blanks between words, and the tokenizer that suits them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

# The inside of a character class: Thai, Lao, Burmese and Khmer; Han with its radicals, marks and rare planes; kana, bopomofo.
# Not Hangul: Korean has blanks between words.
UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3040-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
SAMPLE_CHARS = 1000  # of each text that is looked at

# Above the first share single characters serve models best. Above the second there is too much of such text to take all
# between two blanks for a word, and words of other scripts must stay whole.
MOSTLY, PARTLY = 0.5, 0.05


class Choice(NamedTuple):
    """A tokenizer, and the share of letters in scripts without blanks, by which it was chosen."""

    tokenizer: str
    share: float


def choose_tokenizer(texts: Iterable[str]) -> Choice:
    """Choose by script: "char" where most letters are Chinese, Japanese or Thai, "jieba" where some are, else "word".

    On Chinese titles n-grams of characters were five points more accurate than words (benchmarks/NOTES.md).
    """
    letter, other_letter = re.compile(f"[{UNSPACED}]"), re.compile(rf"[^\W\d_{UNSPACED}]")
    unspaced = others = 0
    for text in texts:
        start = text[:SAMPLE_CHARS]
        if not start.isascii():
            unspaced += len(letter.findall(start))
        others += len(other_letter.findall(start))
    share = unspaced / (unspaced + others) if unspaced else 0.0
    return Choice("char" if share >= MOSTLY else "jieba" if share >= PARTLY else "word", share)
