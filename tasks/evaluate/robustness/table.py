"""The changes that a model is tried with, by the names that `evaluate.robustness` takes: a new one is a line here.

`keeps_label` says whether a person would give the changed text the same label; where not, only the changes of the answer count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.evaluate.robustness import changes
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Callable

EXCHANGE = "exchange"  # asked for by its file, not by name


class Change(NamedTuple):
    """One change of a text, and in words what it does."""

    make: Callable[[str, changes.Draw], str]
    says: str
    keeps_label: bool = True


CHANGES = {
    "misspelling": Change(
        changes.misspelled, said("a tenth of the longer words misspelled: letters swapped, left out, doubled")
    ),
    "upper": Change(changes.upper, said("all in capitals")),
    "lower": Change(changes.lower, said("no capitals")),
    "punctuation": Change(changes.unpunctuated, said("no punctuation")),
    "numbers": Change(changes.other_numbers, said("other digits in each number")),
    "names": Change(changes.other_names, said("each name exchanged for another")),
    "negation": Change(changes.negated, said("a negation inserted"), keeps_label=False),
    "traditional": Change(changes.traditional, said("traditional Chinese characters")),
    "simplified": Change(changes.simplified, said("simplified Chinese characters")),
    "full_width": Change(changes.full_width, said("full-width letters, digits and signs")),
    "half_width": Change(changes.half_width, said("letters, digits and signs of ordinary width")),
    EXCHANGE: Change(changes.with_others, said("the words of each pair exchanged for each other")),
}
BY_NAME = tuple(name for name in CHANGES if name != EXCHANGE)
