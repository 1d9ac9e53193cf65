"""The changes that a model is tried with, by the names that `evaluate.robustness` takes: a new one is a line here.

`keeps_label` says whether a person would give the changed text the same label; where not, only the changes of the answer count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.evaluate.robustness import changes

if TYPE_CHECKING:
    from collections.abc import Callable

EXCHANGE = "exchange"  # asked for by its file, not by name


class Change(NamedTuple):
    """One change of a text, and in words what it does."""

    make: Callable[[str, changes.Draw], str]
    says: str
    keeps_label: bool = True


CHANGES = {
    "misspelling": Change(changes.misspelled, "a tenth of the longer words misspelled: letters swapped, left out, doubled"),
    "upper": Change(changes.upper, "all in capitals"),
    "lower": Change(changes.lower, "no capitals"),
    "punctuation": Change(changes.unpunctuated, "no punctuation"),
    "numbers": Change(changes.other_numbers, "other digits in each number"),
    "names": Change(changes.other_names, "each name exchanged for another"),
    "negation": Change(changes.negated, "a negation inserted", keeps_label=False),
    "traditional": Change(changes.traditional, "traditional Chinese characters"),
    "simplified": Change(changes.simplified, "simplified Chinese characters"),
    "full_width": Change(changes.full_width, "full-width letters, digits and signs"),
    "half_width": Change(changes.half_width, "letters, digits and signs of ordinary width"),
    EXCHANGE: Change(changes.with_others, "the words of each pair exchanged for each other"),
}
BY_NAME = tuple(name for name in CHANGES if name != EXCHANGE)
