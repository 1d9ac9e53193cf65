"""Words, numbers and their signs."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..signs import SIGN_TOKENS, with_plain_signs
from ..tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tokenizer import Cut

# A percentage, a number with decimals and its unit, or a word with inner apostrophes; hyphens separate words.
_WORD = r"\d+(?:[.,]\d+)*%|\d+(?:[.,]\d+)+{letter}*|{word}+(?:'{word}+)*"
# The tokens of this many pieces of words and marks are remembered, in at most about 20 MB.
MOST_PIECES, LONG_PIECE = 1 << 16, 40
# Marks that end a piece and are no part of its word, as the pattern would find: most pieces that it would see are `word.`.
CLOSING = frozenset('.,!?;:)"')
# Marks that no word and no number holds.
APART = str.maketrans(dict.fromkeys('!"#$&()*+-/:;<=>?@[\\]^_`{|}~', " "))


def word_cut(settings: Mapping[str, Any], *, find_signs: bool = True) -> Cut:
    """Cut into words, numbers (see _WORD) and their signs; with punctuation, each mark too, but runs of one mark in threes."""
    keep_punctuation = settings["punctuation"] == "keep"
    met: dict[str, dict[str, list[str]]] = {}

    def cut(text: str) -> list[str]:
        marks = ""
        if not text.isascii():
            text, marks = text.replace("\u2019", "'"), combining_marks()
        if find_signs and not keep_punctuation:
            text = with_plain_signs(text)
        pattern, known = word_pattern(marks, keep_punctuation), met.setdefault(marks, {})
        tokens: list[str] = []
        # Most pieces between blanks are whole words: the pattern, which would find the same, sees only the others, and the
        # frequent ones of these (`film.`, `it's`) once.
        for piece in (text if keep_punctuation else text.translate(APART)).split():
            if piece.isalnum():
                tokens.append(piece)
            elif keep_punctuation:
                found = known.get(piece)
                if found is None:
                    if piece[-1] in CLOSING and piece[:-1].isalnum():
                        found = [piece[:-1], piece[-1]]
                    else:
                        found = [match.group() for match in pattern.finditer(piece)]
                    if len(known) < MOST_PIECES and len(piece) < LONG_PIECE:
                        known[piece] = found
                tokens += found
            elif (bare := piece.strip(".,'")).isalnum():
                tokens.append(bare)
            elif piece in SIGN_TOKENS:
                tokens.append(SIGN_TOKENS[piece])
            elif bare:
                tokens.extend(pattern.findall(bare))
        return tokens

    return cut


@lru_cache(maxsize=4)
def word_pattern(marks: str, keep_punctuation: bool) -> re.Pattern[str]:
    """The pattern of one token, where `marks` may follow a letter (see combining_marks)."""
    letter, word = (rf"(?:[^\W\d_][{marks}]*)", rf"(?:[^\W_][{marks}]*)") if marks else (r"[^\W\d_]", r"[^\W_]")
    punctuation = r"|([^\w\s]|_)\1{0,2}" if keep_punctuation else ""
    return re.compile(_WORD.format(letter=letter, word=word) + punctuation)


@lru_cache(maxsize=1)
def combining_marks() -> str:
    """Combining marks as the inside of a character class: Python's own word class leaves them out, and splits Hindi by them."""
    return "".join(c for c in map(chr, range(0x300, 0x20000)) if unicodedata.category(c) in ("Mn", "Mc"))


TOKENIZER = Tokenizer(word_cut, automatic_from=0.0)
