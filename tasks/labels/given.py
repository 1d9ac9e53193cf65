"""One label as somebody gave it, and what the readers of all formats make of a file of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

# Why a row of a file gives no label.
UNJUDGED, SKIPPED, SEVERAL, CHANGED, EMPTY = "unjudged", "skipped", "several_labels", "text_changed", "no_text"
WHYS = {
    UNJUDGED: "nobody has labelled it",
    SKIPPED: "its annotator skipped it",
    SEVERAL: "it has several labels",
    CHANGED: "its text is not the one that was to be labelled",
    EMPTY: "it has no text",
}


class Given(NamedTuple):
    """A label for a text. `key` is `content_key` of the text, which is None where a sheet holds its beginning alone.

    `at` is when it was given, in UTC; None if the file does not say. The rest is what `textmill review` had written beside the
    text: the label it had, the one that the model suggested, why it was chosen, and the id of its row.
    """

    key: str
    text: str | None
    label: str
    annotator: str | None = None
    at: datetime | None = None
    previous: str | None = None
    suggested: str | None = None
    why: str | None = None
    row: str | None = None


@dataclass
class Found:
    """The labels of a file, in its order, and why its other rows have none: a count, and where the first is."""

    labels: list[Given] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def refuse(self, why: str, where: str) -> None:
        """Count a row that gives no label."""
        self.without[why] += 1
        self.first.setdefault(why, where)

    @property
    def rows(self) -> int:
        """How many rows, or annotations, the file has."""
        return len(self.labels) + self.without.total()
