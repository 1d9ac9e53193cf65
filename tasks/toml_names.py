"""TOML wants names in quotes that are not plain ASCII letters and digits; its decoder does not say so."""

from __future__ import annotations

import re

from tasks.shown import in_line, shortened

CORRECT = "correct it"
_MAX_SHOWN = 80
_UNQUOTED = re.compile(r"""^[ \t]*\[{0,2}[ \t]*([^\s"'#=\[\]][^"'#=\[\]]*?)[ \t]*(?:=|\])""", re.MULTILINE)
_NEEDS_QUOTES = re.compile(r"[^\x00-\x7f]|[^\W_] [^\W_]|&")


def remedy_of(text: str) -> str:
    """What to do about a text that is not TOML: quote the first name that needs it, or else CORRECT."""
    for match in _UNQUOTED.finditer(text):
        if _NEEDS_QUOTES.search(match[1]):
            line = text.count("\n", 0, match.start(1)) + 1
            return f'write the name in line {line} in quotes: "{shortened(in_line(match[1]), _MAX_SHOWN)}"'
    return CORRECT
