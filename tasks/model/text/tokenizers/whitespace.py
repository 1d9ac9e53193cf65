"""Words as the text has them between blanks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..signs import PERCENT, SIGN
from ..tokenizer import RESERVED_TOKENS, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tokenizer import Cut


def whitespace_cut(settings: Mapping[str, Any]) -> Cut:
    """Cut at blanks; without punctuation, words lose it at both ends, except a number's sign and %."""
    keep_punctuation = settings["punctuation"] == "keep"
    inside = re.compile(rf"(?:{SIGN}[^\w\s]?)?\w(?:.*\w)?(?:(?<=\d)[{PERCENT}])?", re.DOTALL)

    def cut(text: str) -> list[str]:
        tokens = text.split()
        if not keep_punctuation:
            return [match.group() for token in tokens if (match := inside.search(token))]
        return [token.strip("<>") if token in RESERVED_TOKENS else token for token in tokens] if "<" in text else tokens

    return cut


TOKENIZER = Tokenizer(whitespace_cut)
