"""Tokens that fastText reads as plain words: none is taken for a label, a line end or several words.

fastText splits at ASCII white space and NUL, takes `__label__...` for a label and `</s>` for the end of a line, and breaks
lines after 1,024 tokens. Ordinary tokens hold none of these, and a search is all that they cost.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

LINE_TOKENS = 1000
LABEL = "__label__"
SEPARATORS = "[\\s\\x0b\\x00\ufeff]"  # for Python and for Arrow's RE2, whose \s leaves out \x0b; ASCII's alone
SPECIAL = rf"{SEPARATORS}|{LABEL}|</s>"
# No replacement holds an underscore or angle bracket that could form a special text anew.
HARMLESS = {LABEL: "--label--", "</s>": "<-s>"}

_SEPARATORS, _SPECIAL = re.compile(SEPARATORS, re.ASCII), re.compile(SPECIAL, re.ASCII)


def plain_word(token: str) -> str:
    """The token, rewritten if fastText would not read it as one plain word."""
    if not _SPECIAL.search(token):
        return token
    token = _SEPARATORS.sub("-", token)
    for special, harmless in HARMLESS.items():
        token = token.replace(special, harmless)
    return token


def plain_words(tokens: pa.Array) -> pa.Array:
    """The same for many tokens."""
    if not pc.any(pc.match_substring_regex(tokens, SPECIAL)).as_py():
        return tokens
    tokens = pc.replace_substring_regex(tokens, SEPARATORS, "-")
    for special, harmless in HARMLESS.items():
        tokens = pc.replace_substring(tokens, special, harmless)
    return tokens
