"""The section `expect`: what the corpus must be like, or nothing is trained."""

from __future__ import annotations

from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from tasks.section import Count, Positive, Rate, Section, Share

BETWEEN = ".."  # of a label's least and greatest share


class LabelShare(NamedTuple):
    """A label, and the least and greatest share of the labelled rows that it may have."""

    label: str
    least: float
    most: float


class ExpectConfig(Section):
    """What the corpus must be like; a run whose corpus is not stops before it trains. It is in no key."""

    min_rows: Count | None = Field(None, description="Least number of rows with a label.")
    max_rows: Positive | None = Field(None, description="Greatest number of rows with a label.")
    labels: tuple[str, ...] = Field((), description="The labels: each of them occurs, and no other does.")
    min_label_share: Share | None = Field(None, description="Least share of the labelled rows that any label has.")
    label_shares: tuple[str, ...] = Field(
        (), description="Shares of the labelled rows that single labels may have, such as negative=0.1..0.3."
    )
    max_unlabelled: Share | None = Field(None, description="Greatest share of the rows without a label.")
    max_quarantined: Share | None = Field(None, description="Greatest share of the records found that could not be read.")
    max_duplicates: Share | None = Field(None, description="Greatest share of the records found that repeat others.")
    min_chars: Count | None = Field(None, description="Least length in characters of the median text.")
    max_chars: Positive | None = Field(None, description="Greatest length in characters of the median text.")
    languages: tuple[str, ...] = Field(
        (), description="Languages of the texts, such as en,de (ISO 639-1); pip install 'textmill[languages]'."
    )
    min_language_share: Share = Field(0.9, description="Least share of the texts looked at that are in these languages.")
    max_age_days: Rate | None = Field(
        None, description="Greatest age of the newest row by the column date; without that, of the newest file."
    )
    date: str | None = Field(None, description="The column with the rows' dates; ingest.keep has to name it.")
    min_dated: Share | None = Field(None, description="Least share of the rows that have a date in the column date.")

    @property
    def bounds(self) -> list[LabelShare]:
        """What `label_shares` says."""
        return [_bounds(each) for each in self.label_shares]

    @property
    def asks(self) -> bool:
        """Whether anything is expected."""
        return self != type(self)(date=self.date, min_language_share=self.min_language_share)

    @field_validator("label_shares")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            _bounds(each)
        return value

    @field_validator("languages")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not (each.isascii() and each.isalpha() and each.islower() and len(each) in (2, 3)):
                raise ValueError(f"{each!r} is no code of a language; write en, de, zh (ISO 639)")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for least, most in (("min_rows", "max_rows"), ("min_chars", "max_chars")):
            low, high = getattr(self, least), getattr(self, most)
            if low is not None and high is not None and low > high:
                raise ValueError(f"{least} {low:,} is above {most} {high:,}; no corpus can be both")
        if self.min_dated is not None and self.date is None:
            raise ValueError("min_dated is about a column of dates; name it as date too, and in ingest.keep")
        if self.labels and (unknown := sorted({each.label for each in self.bounds} - set(self.labels))):
            raise ValueError(f"label_shares names {unknown[0]!r}, which is not among labels; add it there, or leave it out")
        return self


def _bounds(written: str) -> LabelShare:
    label, equals, bounds = written.rpartition("=")
    least, between, most = bounds.partition(BETWEEN)
    try:
        found = LabelShare(label.strip(), float(least), float(most))
    except ValueError:
        found = LabelShare("", 0.0, 0.0)
    if not (equals and between and found.label and 0.0 <= found.least <= found.most <= 1.0):
        raise ValueError(f"{written!r} is no share of a label; write negative=0.1..0.3, numbers from 0 to 1")
    return found
