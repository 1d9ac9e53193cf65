"""Mark in each text the name that its label is about, for models that learn from pairs of a text and a name."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tasks.documents.missing import Missing
from tasks.score.names import Name
from tasks.score.spelling import caseless, spelled
from tasks.towards.mark import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUND, IN_FRONT, WITHOUT = "found", "in front", "without"
_FEW = 10  # a tenth of the texts, or one of so many rows


class Marking:
    """Marks texts, and counts in how many the name was found, was not, or was not given."""

    def __init__(self, column: str, missing: Sequence[str]) -> None:
        self.column, self._missing = column, Missing(missing)
        self.counts: Counter[str] = Counter()

    def marked(self, text: str, name: Any) -> str:
        """The text with the mark in the place of the name, or before it if the text does not have the name."""
        if name is None or self._missing.cell(name := str(name)):
            self.counts[WITHOUT] += 1
            return text
        plain = spelled(text)
        folded = caseless(plain)
        found = (looked_for.places(plain, folded) for looked_for in _ways(name.strip()))
        places = next(filter(None, found), [])
        self.counts[FOUND if places else IN_FRONT] += 1
        return marked(text if len(text) == len(plain) else plain, places)

    def report(self) -> dict[str, int]:
        """How many texts there are of each kind."""
        return {kind: self.counts[kind] for kind in (FOUND, IN_FRONT, WITHOUT)}

    def doubts(self) -> list[str]:
        """A line where many texts do not have their name, or rows no name."""
        rows, said = self.counts.total(), []
        if _FEW * self.counts[IN_FRONT] > rows:
            said.append(
                f"{self.counts[IN_FRONT]:,} of {rows:,} texts do not have their name of column {self.column}; the mark is put "
                "before them, and the model learns nothing of the place"
            )
        if self.counts[WITHOUT]:
            told = f"{self.counts[WITHOUT]:,} of {rows:,} rows have no name in column {self.column}"
            said.append(f"{told}; their texts are not marked")
        return said


@lru_cache(maxsize=1 << 14)
def _ways(written: str) -> list[Name]:
    """The name as it is looked for, at last in any case; nothing of one without a letter and a digit."""
    ways = [Name("", spelled(written)), Name("", spelled(written), any_case=True)]
    return ways if ways[0].keys else []
