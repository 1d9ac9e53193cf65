"""What the page of a run shows of robustness; robustness.html.j2 beside this file is its section."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.wording.sentence import said

TITLES = {
    "misspelling": said("misspelling"),
    "upper": said("upper"),
    "lower": said("lower"),
    "punctuation": said("punctuation"),
    "numbers": said("numbers"),
    "names": said("names"),
    "negation": said("negation"),
    "traditional": said("traditional"),
    "simplified": said("simplified"),
    "full_width": said("full width"),
    "half_width": said("half width"),
    "exchange": said("exchange"),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accuracy(_Part):
    """Over the rows that are changed: before, after, and the difference with its interval."""

    before: float
    after: float
    difference: float
    interval: tuple[float, float]


class Flip(_Part):
    """A text whose label changes."""

    id: str
    label: str
    text: str
    changed: str
    before: str
    after: str


class Pair(_Part):
    """A word that is exchanged for another, the rows that have it, and those whose label changes."""

    word: str
    other: str
    rows: int
    flips: int


class Change(_Part):
    """What one change does; see tasks.evaluate.robustness.robustness."""

    name: str
    says: str
    rows: int
    flips: int
    share: float = 0.0
    share_interval: tuple[float, float] = (0.0, 0.0)
    accuracy: Accuracy | None = None
    examples: tuple[Flip, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES.get(self.name, self.name.replace("_", " "))


class Robustness(_Part):
    """All changes."""

    rows: int
    test_rows: int
    names: str
    changes: tuple[Change, ...]
