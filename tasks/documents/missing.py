r"""Missing values: one rule for every table, whatever reads it.

Missing are a typed null (JSON, Parquet, a database), a NaN, an empty cell, and `\N`, which MySQL, Hive and PostgreSQL write. A
cell that holds `nan` or `NaN` is one of those that programs write for a number that is not there. Words such as NA, None and
null are values like any other (a class `none`, a ticker `NA`), unless the request lists them, as they are written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ALWAYS = frozenset({"", r"\N", "nan", "NaN"})
_LOOKS = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "<na>", "(null)", "missing", "undefined", "-", "--", "?", ".", "nat"}
)


class Missing:
    """Which values of a table are missing: those that always are, and the words that a request lists."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = ALWAYS | {word.strip() for word in words}
        self._longest = max(map(len, self._words))

    def cell(self, text: str) -> bool:
        """Whether a cell's text is a missing value; white space around it does not count."""
        if len(text) > self._longest and not text[0].isspace() and not text[-1].isspace():
            return False
        return text.strip() in self._words

    def value(self, value: Any) -> bool:
        """Whether a typed value is missing."""
        if isinstance(value, str):
            return self.cell(value)
        return value is None or (isinstance(value, float) and math.isnan(value))


def looks_missing(label: str) -> bool:
    """Whether a label is a word that often is written for a missing value."""
    return label.strip().casefold() in _LOOKS
