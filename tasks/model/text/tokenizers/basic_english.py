"""torchtext 0.18's get_tokenizer("basic_english"): marks are tokens, double quotes go, `;` and `:` are blanks.

Other marks stay in their words (`5.2%` is `5 . 2%`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tokenizer import Demand, Tokenizer
from .whitespace import whitespace_cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tokenizer import Cut


def basic_english_cut(settings: Mapping[str, Any]) -> Cut:
    """Cut as torchtext does; without punctuation all marks go, as for `whitespace_cut`.

    torchtext's twelve patterns are plain texts: replacing them one by one, in its order, gives its tokens in half of its time.
    """
    cut_at_blanks = whitespace_cut(settings)
    replacements = [('"', ""), ("<br />", " "), (";", " "), (":", " "), *((mark, f" {mark} ") for mark in "'.,()!?")]

    def cut(text: str) -> list[str]:
        for mark, instead in replacements:
            text = text.replace(mark, instead)
        return cut_at_blanks(text)

    return cut


TOKENIZER = Tokenizer(basic_english_cut, demands=(Demand("lowercase", True, "folds case"),), note="as torchtext's")
