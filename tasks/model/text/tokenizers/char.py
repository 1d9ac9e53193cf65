"""Single characters, Latin letters and digits too: whole words cost n-gram models accuracy on titles (benchmarks/NOTES.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..signs import SIGN, with_plain_signs
from ..tokenizer import BLANK, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tokenizer import Cut


def char_cut(settings: Mapping[str, Any]) -> Cut:
    """Cut into characters; without punctuation, of marks only a number's sign and % stay.

    With punctuation a run of blanks is one token, since it separates clauses.
    """
    keep_punctuation = settings["punctuation"] == "keep"
    blanks, no_word = re.compile(r"\s+"), re.compile(rf"(?:(?!{SIGN})(?!(?<=\d)%)[\W_])+")

    def cut(text: str) -> list[str]:
        if keep_punctuation:
            return list(blanks.sub(BLANK, text.strip()))
        return list(no_word.sub("", with_plain_signs(text, apart=False)))

    return cut


# Where most letters are of scripts without blanks: on Chinese titles n-grams of characters were five points more accurate than
# words (benchmarks/NOTES.md).
TOKENIZER = Tokenizer(char_cut, automatic_from=0.5)
