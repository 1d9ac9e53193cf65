"""Decide which split each row goes to, or why it is dropped.

A row's side is a function of the smallest SHA-256 in its group of near-duplicates, the seed and a salt. So groups stay
together, nothing leaks, labels are stratified in expectation, and a row keeps its side as the corpus grows, unless a new row
joins its group. Labels too rare for that are mended afterwards, see `sides`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import RequestError
from tasks.prepare.contradictions import Contradictions, losers, several_labels
from tasks.prepare.schema import SPLITS, TEST, TRAIN, UNLABELLED, VALID
from tasks.prepare.sides import Rule, draws, mend_by_rule_1, mend_by_rule_2, sides_of
from tasks.shown import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.prepare.settings import PrepareConfig

log = logging.getLogger(__name__)

REASONS = (
    "labelled_duplicate",
    "unlabelled_duplicate",
    "labelled_duplicate_of_test",
    "unlabelled_duplicate_of_test",
    "labelled_near_duplicate_of_test",
    "unlabelled_near_duplicate_of_test",
    "unlabelled_near_duplicate_of_valid",
    "contradiction",
    "labelled_near_duplicate_of_valid",
    "unlabelled_of_test_days",
    "labelled_duplicate_of_valid",
)
QUARANTINED = len(SPLITS) + len(REASONS)
NAMED_LABELS = 5  # in a message

# Kinds of rows in the corpus.
OFFICIAL_TEST, LABELLED, NO_LABEL, REJECTED = range(4)


@dataclass(frozen=True)
class Rows:
    """The corpus' N rows as the decision needs them.

    `kind` uint8 [N]: OFFICIAL_TEST, LABELLED, NO_LABEL or REJECTED; `label` int32 [N], -1 for none; `sha256` uint64 [N]: the
    first eight bytes of the text's digest; `first` and `group` int32 [N] from `duplicates`. `side_group` and `drawn`, of the
    same types, are of rows that go to one side and what that is drawn by, where these are not `group` and `sha256`; `valid`
    bool [N] the validation rows and `late` bool [N] the rows of the test rows' days, where a column of the corpus says so.
    `given` bool [N] are validation rows of the corpus' own: they stay, and train gives way to them.
    """

    kind: np.ndarray
    label: np.ndarray
    sha256: np.ndarray
    first: np.ndarray
    group: np.ndarray
    side_group: np.ndarray | None = None
    drawn: np.ndarray | None = None
    valid: np.ndarray | None = None
    late: np.ndarray | None = None
    given: np.ndarray | None = None


@dataclass(frozen=True)
class Decision:
    """`fate` uint8 [N]: a position in SPLITS, then in REASONS after it, or QUARANTINED; the rest is for the report."""

    fate: np.ndarray
    contradictions: Contradictions
    duplicates_in_test: int
    mended: int
    duplicates_in_valid: int = 0


def reason(name: str) -> int:
    """The fate of a row that is dropped for this reason."""
    return len(SPLITS) + REASONS.index(name)


def decide(rows: Rows, labels: Sequence[str], config: PrepareConfig) -> Decision:
    """Decide every row's fate.

    With an official test split all its rows stay, their duplicates in train and among the unlabelled are dropped, and the
    rest is parted into train and valid. So it is with validation rows of the corpus' own: they stay but for duplicates of test
    rows, and no train row becomes one. Without a test split, labelled rows are parted into train, valid and test. Of exact
    duplicates with one label the first in the corpus' order is kept, or the first row if none has a label; those with several
    labels are contradictions, which `config.contradictions` decides; near-duplicates are kept on one side. An unlabelled row
    that nearly duplicates a valid or test row is dropped: vectors are trained on it, and valid would look better than new
    text does. So is one of the test rows' days.

    Raises RequestError if valid or test would have no row, or, where rows are of classes, train fewer than two labels or none
    of those of test; but not where no row of the corpus has a label.
    """
    official = bool((rows.kind == OFFICIAL_TEST).any())
    given = rows.given is not None
    sides = _Sides(rows, labels, Rule.from_config(config, official, given))
    fate = np.full(len(rows.kind), QUARANTINED, np.uint8)
    fate[rows.kind == OFFICIAL_TEST] = TEST
    _drop_duplicates_of(TEST, rows, fate)
    if rows.given is not None:
        fate[rows.given & (rows.kind == LABELLED) & (fate == QUARANTINED)] = VALID
        _drop_duplicates_of(VALID, rows, fate)
    if rows.late is not None:
        fate[(fate == QUARANTINED) & (rows.kind == NO_LABEL) & rows.late] = reason("unlabelled_of_test_days")
    if config.split_rule == 1:
        # The sides of version 0.1, which kept the first row of a contradiction; dropping rows must not move others.
        before = fate.copy()
        _drop_exact_duplicates(rows, before)
        sides.mend((before == QUARANTINED) & (rows.kind == LABELLED))
    decided = several_labels(rows.first, rows.label, (fate == QUARANTINED) & (rows.kind == LABELLED))
    fate[losers(rows.first, rows.label, decided, config)] = reason("contradiction")
    _drop_exact_duplicates(rows, fate)
    open_ = fate == QUARANTINED
    labelled = open_ & (rows.kind == LABELLED)
    if rows.valid is None:
        sides.mend(labelled)
        fate[labelled] = sides.of(labelled)
    else:
        fate[labelled] = np.where(rows.valid[labelled], VALID, TRAIN)
        _drop_near_duplicates_of_valid(rows, fate)
    _place_unlabelled(rows, fate, open_ & (rows.kind == NO_LABEL))
    if labels or not (rows.kind == NO_LABEL).any():
        _check(rows, fate, labels, classes=config.classes)
    found = _contradictions(rows, fate, decided)
    test = np.flatnonzero(fate == TEST)
    valid = np.flatnonzero(fate == VALID) if given else test[:0]
    repeated = [len(side) - len(np.unique(rows.first[side])) for side in (test, valid)]
    return Decision(fate, found, repeated[0], sides.moved, repeated[1])


def _contradictions(rows: Rows, fate: np.ndarray, decided: np.ndarray) -> Contradictions:
    exact = several_labels(rows.first, rows.label, (rows.kind == LABELLED) | (rows.kind == OFFICIAL_TEST))
    near = several_labels(rows.group, rows.label, (fate <= TEST) & ~exact)
    return Contradictions(exact, decided, near)


class _Sides:
    """The side of each group, uint8 [N] at the group's number: drawn by hash, then mended for rare labels."""

    def __init__(self, rows: Rows, labels: Sequence[str], rule: Rule) -> None:
        self.rows, self.labels, self.rule = rows, labels, rule
        self.group = rows.group if rows.side_group is None else rows.side_group
        drawn = rows.sha256 if rows.drawn is None else rows.drawn
        smallest = np.full(len(rows.kind), np.iinfo(np.uint64).max, np.uint64)
        counted = rows.kind != REJECTED
        np.minimum.at(smallest, self.group[counted], drawn[counted])
        self.draw = draws(smallest, rule)
        self.side = sides_of(self.draw, rule)
        self.moved = 0

    def mend(self, labelled: np.ndarray) -> None:
        """Take care of rare labels among the labelled rows that stay, bool [N]."""
        label, group = self.rows.label[labelled], self.group[labelled]
        if self.rule.salt is None:
            moved = mend_by_rule_1(label, group, self.side, self.labels, self.rule)
        else:
            moved = mend_by_rule_2(label, group, self.side, self.draw, self.labels, self.rule)
        if moved:
            log.info("moved %d groups of rows of rare labels to another side of the split", moved)
        self.moved += moved

    def of(self, chosen: np.ndarray) -> np.ndarray:
        """The sides of the rows that `chosen`, bool [N], names."""
        return self.side[self.group[chosen]]


def _drop_near_duplicates_of_valid(rows: Rows, fate: np.ndarray) -> None:
    """Drop train rows that share a group with a validation row that a column names."""
    holds_valid = np.zeros(len(fate), bool)
    holds_valid[rows.group[fate == VALID]] = True
    fate[(fate == TRAIN) & holds_valid[rows.group]] = reason("labelled_near_duplicate_of_valid")


def _drop_duplicates_of(side: int, rows: Rows, fate: np.ndarray) -> None:
    """Drop open rows that share a group, or exactly their tokens, with a row of a side that is given.

    Unlabelled rows are dropped for the sake of test rows here, and of validation rows when they are placed.
    """
    here, open_, name = fate == side, fate == QUARANTINED, SPLITS[side]
    kinds = ((LABELLED, "labelled"), (NO_LABEL, "unlabelled")) if side == TEST else ((LABELLED, "labelled"),)
    for numbers, near in ((rows.group, "near_duplicate"), (rows.first, "duplicate")):
        holds = np.zeros(len(fate), bool)
        holds[numbers[here]] = True
        for kind, word in kinds:
            fate[open_ & (rows.kind == kind) & holds[numbers]] = reason(f"{word}_{near}_of_{name}")


def _drop_exact_duplicates(rows: Rows, fate: np.ndarray) -> None:
    """Keep one of the open rows with equal tokens: the first labelled one, or the first."""
    open_ = np.flatnonzero(fate == QUARANTINED)
    open_ = open_[rows.kind[open_] != REJECTED]
    # The smallest of (has no label, position in the corpus) is kept.
    rank = open_ + np.where(rows.kind[open_] == NO_LABEL, len(fate), 0)
    best = np.full(len(fate), 2 * len(fate), np.int64)
    np.minimum.at(best, rows.first[open_], rank)
    dropped = open_[rank != best[rows.first[open_]]]
    labelled = rows.kind[dropped] == LABELLED
    fate[dropped] = np.where(labelled, reason("labelled_duplicate"), reason("unlabelled_duplicate"))


def _place_unlabelled(rows: Rows, fate: np.ndarray, unlabelled: np.ndarray) -> None:
    fate[unlabelled] = UNLABELLED
    for side in (VALID, TEST):
        held_out = np.zeros(len(fate), bool)
        held_out[rows.group[fate == side]] = True
        fate[unlabelled & held_out[rows.group]] = reason(f"unlabelled_near_duplicate_of_{SPLITS[side]}")


def _check(rows: Rows, fate: np.ndarray, labels: Sequence[str], *, classes: bool) -> None:
    in_train = np.unique(rows.label[fate == TRAIN])
    contradicting = int((fate == reason("contradiction")).sum())
    why = f"; {contradicting:,} rows were left out since their texts have several labels" if contradicting else ""
    if classes and len(in_train) < 2:
        names = ", ".join(repr(labels[code]) for code in in_train) or "none"
        raise RequestError(
            f"train has {len(in_train)} label(s) after cleaning and removing duplicates ({names}); "
            f"a classifier needs at least two{why}"
        )
    if rows.given is not None and not (fate == VALID).any():
        raise RequestError(
            "no row of the given validation rows is left: test rows repeat them all; give others, or leave them out"
        )
    for side in (VALID, TEST):
        if not (fate == side).any():
            raise RequestError(
                f"{SPLITS[side]} would have no row: {int((fate == TRAIN).sum())} distinct train rows are too few to part; "
                f"give more rows{why}"
            )
    for side, rows_of in ((TEST, "test"), (VALID, "validation")):
        found = np.unique(rows.label[fate == side])
        if classes and not np.isin(found, in_train).any():
            raise RequestError(
                f"no label of the {rows_of} rows ({_named(found, labels)}) occurs in train ({_named(in_train, labels)}), so no "
                f"answer could be right; write them alike, or check --ingest.label and --ingest.{SPLITS[side]}-path"
            )


def _named(codes: np.ndarray, labels: Sequence[str]) -> str:
    names = sorted(labels[code] for code in codes)
    more = f" and {len(names) - NAMED_LABELS:,} more" if len(names) > NAMED_LABELS else ""
    return ", ".join(repr(shortened(name, 60)) for name in names[:NAMED_LABELS]) + more
