"""Words as the text has them between blanks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..signs import PERCENT, SIGN
from ..tokenizer import RESERVED_TOKENS, CutAtBlanks, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping


def whitespace_cut(settings: Mapping[str, Any]) -> CutAtBlanks:
    """Cut at blanks; without punctuation, words lose it at both ends, except a number's sign and %."""
    keep_punctuation = settings["punctuation"] == "keep"
    inside = re.compile(rf"(?:{SIGN}[^\w\s]?)?\w(?:.*\w)?(?:(?<=\d)[{PERCENT}])?", re.DOTALL)

    def cut_piece(piece: str) -> list[str]:
        if keep_punctuation:
            return [piece.strip("<>") if piece in RESERVED_TOKENS else piece]
        match = inside.search(piece)
        return [match.group()] if match else []

    return CutAtBlanks(cut_piece)


TOKENIZER = Tokenizer(whitespace_cut)
