"""Words, numbers and their signs."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..signs import SIGN_TOKENS, with_plain_signs
from ..tokenizer import CutAtBlanks, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

# A percentage, a number with decimals and its unit, or a word with inner apostrophes; hyphens separate words.
_WORD = r"\d+(?:[.,]\d+)*%|\d+(?:[.,]\d+)+{letter}*|{word}+(?:'{word}+)*"
# Marks that end a piece and are no part of its word, as the pattern would find: most pieces that it would see are `word.`.
CLOSING = '.,!?;:)"'
# Marks that a word or a number may hold.
WITHIN = ".,'"
# Marks that no word and no number holds.
APART = str.maketrans(dict.fromkeys('!"#$&()*+-/:;<=>?@[\\]^_`{|}~', " "))


def word_cut(settings: Mapping[str, Any], *, find_signs: bool = True) -> CutAtBlanks:
    """Cut into words, numbers (see _WORD) and their signs; with punctuation, each mark too, but runs of one mark in threes."""
    keep_punctuation = settings["punctuation"] == "keep"

    def before(text: str) -> str:
        if not text.isascii():
            text = text.replace("\u2019", "'")
        if keep_punctuation:
            return text
        return (with_plain_signs(text) if find_signs else text).translate(APART)

    # Most pieces are a word and a mark; the pattern, which would find the same, sees only the others.
    def cut_piece(piece: str) -> list[str]:
        if keep_punctuation and piece[-1] in CLOSING and piece[:-1].isalnum():
            return [piece[:-1], piece[-1]]
        if not keep_punctuation:
            if piece in SIGN_TOKENS:
                return [SIGN_TOKENS[piece]]
            piece = piece.strip(WITHIN)
            if piece.isalnum():
                return [piece]
        pattern = word_pattern("" if piece.isascii() else combining_marks(), keep_punctuation)
        return [match.group() for match in pattern.finditer(piece)]

    return CutAtBlanks(cut_piece, before, closing=CLOSING if keep_punctuation else WITHIN, keeps_closing=keep_punctuation)


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
