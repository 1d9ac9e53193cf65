"""Whether labels look like classes, and the bins that make classes of numbers.

The check costs a look at the counts of labels that ingest has anyway, before anything is cleaned, tokenized or trained.
"""

from __future__ import annotations

import bisect
import math
import re
import unicodedata
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.ingest.settings import IngestConfig

MOST_VALUES = 20  # of a fraction that can still be classes
FEWEST_LABELS = 5  # below, labels that occur once are a corpus of a few rows
MOSTLY = 0.9  # of the rows: labels are numbers

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?%?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}%?")  # or a decimal comma: nobody can tell


def as_number(label: str) -> float | None:
    """The number that a label writes, with a decimal point or comma, a sign and perhaps a per cent sign; else None.

    `1,203` is None: it may be one or twelve hundred.
    """
    text = unicodedata.normalize("NFKC", label).strip().replace("\N{MINUS SIGN}", "-")
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return None
    number = float(text.rstrip("%").replace(",", "."))
    return number if math.isfinite(number) else None


class LabelBins:
    """Classes of labels that are numbers: `edges` rise, and a number on an edge is in the bin above it."""

    def __init__(self, edges: Sequence[float], names: Sequence[str] = ()) -> None:
        self.edges = tuple(edges)
        self.names = tuple(names) or default_names(edges)

    def name(self, label: str) -> str | None:
        """The class of a label, None if it is not a number."""
        number = as_number(label)
        return None if number is None else self.names[bisect.bisect_right(self.edges, number)]


def default_names(edges: Sequence[float]) -> tuple[str, ...]:
    """negative, neutral and positive around zero; else the bounds in words."""
    if tuple(edges) == (0,):
        return ("negative", "positive")
    if len(edges) == 2 and edges[0] <= 0 <= edges[1]:
        return ("negative", "neutral", "positive")
    between = (f"{low:g} to {high:g}" for low, high in pairwise(edges))
    return (f"below {edges[0]:g}", *between, f"{edges[-1]:g} and above")


def check_labels(counts: Mapping[str, int], config: IngestConfig, where: Path | str) -> None:
    """Raise RequestError if labels are not classes but scores, identifiers, or the texts themselves."""
    if not config.label_check or config.label_bins:
        return
    numbers = {label: number for label in counts if (number := as_number(label)) is not None}
    numeric = sum(counts[label] for label in numbers) >= MOSTLY * sum(counts.values())
    fractions = [label for label, number in numbers.items() if not (2 * number).is_integer()]
    once = [label for label, count in counts.items() if count == 1]
    if numeric and len(fractions) > MOST_VALUES:
        what = f"{len(counts):,} different labels are numbers with fractions, such as {_some(fractions)}: a score, not classes"
    elif len(counts) >= FEWEST_LABELS and 2 * len(once) > len(counts):
        what = f"{len(once):,} of {len(counts):,} labels occur once, such as {_some(once)}"
    else:
        return
    bins = f'make classes of them with --ingest.label-bins "{proposed_edges(numbers, counts)}"' if numeric else ""
    column = "" if numeric and len(fractions) > MOST_VALUES else _check_of_labels(config)
    remedies = [remedy for remedy in (column, bins) if remedy]
    raise RequestError(f"{where}: {what}; {', '.join(remedies)}, or go on with --ingest.label-check off")


def _check_of_labels(config: IngestConfig) -> str:
    if any(place.is_dir() for place in config.places):
        return "each folder in it is taken for a label"
    return "check --ingest.label"


def proposed_edges(numbers: Mapping[str, float], counts: Mapping[str, int]) -> str:
    """Edges for three bins: around zero where there are both signs, else at a third and two thirds of the rows."""
    values = sorted((number, counts[label]) for label, number in numbers.items())
    if values[0][0] < 0 < values[-1][0]:
        sizes = sorted((abs(number), count) for number, count in values)
        edge = float(f"{_quantile(sizes, 1 / 3):.1g}") or float(f"{_quantile(sizes, 2 / 3):.1g}")
        return f"{-edge:g},{edge:g}"
    low, high = (float(f"{_quantile(values, share):.2g}") for share in (1 / 3, 2 / 3))
    return f"{low:g},{high:g}" if low < high else f"{high:g}"


def _quantile(values: Sequence[tuple[float, int]], share: float) -> float:
    reached = list(accumulate(count for _, count in values))
    return values[bisect.bisect_left(reached, share * reached[-1])][0]


def _some(labels: Sequence[str]) -> str:
    return " and ".join(repr(shortened(in_line(label), 40)) for label in labels[:2])
