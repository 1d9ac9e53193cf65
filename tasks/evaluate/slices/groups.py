"""Put rows into groups by a column of theirs: numbers by quantiles, dates by months or years, other values by how frequent.

In goes a value for each row, out comes a group for each row. N rows, G groups.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_VALUES = 20  # of a column that keep a group of their own; the rest are OTHER
MOST_MONTHS = 24  # a column of dates over more months is grouped by years
QUANTILES = 4
OTHER, MISSING = "(other)", "(none)"
_ISO = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Grouping:
    """The groups of one column: int64 [N], numbers of `labels` [G]; -1 for a row that is in no group."""

    column: str
    labels: tuple[str, ...]
    groups: np.ndarray

    def slice(self, label: str) -> np.ndarray:
        """Rows of one group: bool [N]."""
        return self.groups == self.labels.index(label)


def by_value(column: str, values: Sequence[str | None], fewest: int) -> Grouping:
    """The most frequent values that at least `fewest` rows have; all others, and rows without a value, are groups too."""
    counts = Counter(value for value in values if value is not None)
    frequent = [value for value, count in counts.most_common(MOST_VALUES) if count >= fewest]
    named = set(frequent)
    labels = [MISSING if value is None else value if value in named else OTHER for value in values]
    return _grouping(column, labels, [*frequent, *(name for name in (OTHER, MISSING) if name not in named)])


def by_number(column: str, values: Sequence[float] | np.ndarray) -> Grouping:
    """Quartiles of the numbers, each named by its least and greatest; NaN is MISSING. Equal numbers are never parted."""
    values_N = np.asarray(values, np.float64)
    known = ~np.isnan(values_N)
    if not known.any():
        return _grouping(column, [MISSING] * len(values_N), [MISSING])
    edges = np.unique(np.quantile(values_N[known], np.linspace(0, 1, QUANTILES + 1)[1:-1], method="lower"))
    bins_N = np.where(known, np.searchsorted(edges, values_N, side="left"), -1)
    present = np.unique(bins_N[known]).tolist()
    ends = [(values_N[bins_N == number].min(), values_N[bins_N == number].max()) for number in present]
    names = dict(zip(present, _ranges(ends), strict=True))
    return _grouping(column, [names.get(number, MISSING) for number in bins_N.tolist()], [*names.values(), MISSING])


def _ranges(ends: Sequence[tuple[float, float]]) -> list[str]:
    """Each range in words: whole numbers with all their digits, others with as few as tell the ranges apart."""
    if all(end == round(end) for pair in ends for end in pair if np.isfinite(end)):
        return [_range("{:.0f}", *pair) for pair in ends]
    short = [_range("{:g}", *pair) for pair in ends]
    return short if len(set(short)) == len(short) else [_range("{:.17g}", *pair) for pair in ends]


def _range(shown: str, least: float, most: float) -> str:
    first, last = shown.format(least), shown.format(most)
    return first if first == last else f"{first}\N{EN DASH}{last}"


def by_date(column: str, values: Sequence[str | None]) -> Grouping:
    """Months of ISO dates, or years where there are many months; what is not a date is OTHER."""
    dates = [None if value is None else value[:10] if _ISO.match(value) else "" for value in values]
    months = {date[:7] for date in dates if date}
    size = 7 if len(months) <= MOST_MONTHS else 4
    labels = [MISSING if date is None else date[:size] or OTHER for date in dates]
    return _grouping(column, labels, [*sorted({date[:size] for date in dates if date}), OTHER, MISSING])


def by_text(column: str, values: Sequence[str | None], kind: str, fewest: int) -> Grouping:
    """The groups that suit a kept column of this kind: date, number or text."""
    if kind == "date":
        return by_date(column, values)
    if kind == "number" and len(set(values)) > MOST_VALUES:
        return by_number(column, [_number(value) for value in values])
    return by_value(column, values, fewest)


def _number(value: str | None) -> float:
    try:
        return float(value) if value is not None else np.nan
    except ValueError:
        return np.nan


def _grouping(column: str, labels: Sequence[str], order: Sequence[str]) -> Grouping:
    """The groups that occur, in this order."""
    present = set(labels)
    names = tuple(dict.fromkeys(name for name in order if name in present))
    number = {name: at for at, name in enumerate(names)}
    return Grouping(column, names, np.fromiter((number[label] for label in labels), np.int64, len(labels)))
