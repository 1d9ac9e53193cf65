"""Text from outside (labels, documents, names) made fit to be shown."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and line feed, bidirectional formatting, line separators, surrogates, the invisible tag characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: object) -> str:
    """The text with every character that hides, reorders or controls other text replaced by its number in brackets."""
    return _HIDDEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", str(text))


def shortened(text: str, length: int) -> str:
    """At most `length` characters, the last an ellipsis if any were left out."""
    return text if len(text) <= length else text[: length - 1] + "…"
