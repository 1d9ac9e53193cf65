"""Which split each row goes to, or why it is dropped.

A row's side is a function of the smallest SHA-256 in its group of near-duplicates and the seed. So groups stay together,
nothing leaks, labels are stratified in expectation, and a row keeps its side as the corpus grows, unless a new row joins its
group. Labels too rare for that (a side would have none of them) are mended afterwards, see `_mend`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import RequestError
from tasks.prepare.minhash import mix
from tasks.prepare.schema import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PrepareConfig

log = logging.getLogger(__name__)

TRAIN, VALID, TEST, UNLABELLED = range(4)  # positions in SPLITS
REASONS = (
    "labelled_duplicate",
    "unlabelled_duplicate",
    "labelled_duplicate_of_test",
    "unlabelled_duplicate_of_test",
    "labelled_near_duplicate_of_test",
    "unlabelled_near_duplicate_of_test",
    "unlabelled_near_duplicate_of_valid",
)
QUARANTINED = len(SPLITS) + len(REASONS)

# What a row is in the corpus.
OFFICIAL_TEST, LABELLED, NO_LABEL, REJECTED = range(4)


@dataclass(frozen=True)
class Rows:
    """The corpus' N rows as the decision needs them.

    `kind` uint8 [N]: OFFICIAL_TEST, LABELLED, NO_LABEL or REJECTED; `label` int32 [N], -1 for none; `sha256` uint64 [N]: the
    first eight bytes of the text's digest; `first` and `group` int32 [N] from `duplicates`.
    """

    kind: np.ndarray
    label: np.ndarray
    sha256: np.ndarray
    first: np.ndarray
    group: np.ndarray


@dataclass(frozen=True)
class Decision:
    """`fate` uint8 [N]: a position in SPLITS, then in REASONS after it, or QUARANTINED; and what else is worth reporting.

    `conflicting` rows are among the dropped labelled duplicates: the row that is kept has another label.
    """

    fate: np.ndarray
    conflicting: int
    duplicates_in_test: int
    mended: int


def reason(name: str) -> int:
    """The fate of a row that is dropped for this reason."""
    return len(SPLITS) + REASONS.index(name)


def decide(rows: Rows, labels: Sequence[str], config: PrepareConfig) -> Decision:
    """Decide every row's fate.

    With an official test split its rows all stay, whatever duplicates them in train or among the unlabelled is dropped, and
    the rest is parted into train and valid. Without one, labelled rows are parted into train, valid and test. Of exact
    duplicates the first labelled row in the corpus' order is kept, or the first row if none has a label; near-duplicates are
    kept on one side. An unlabelled row that nearly duplicates a valid or test row is dropped: vectors are trained on it, and
    valid would look better than new text does.

    Raises RequestError if train would have fewer than two labels, or valid or test no row.
    """
    official = bool((rows.kind == OFFICIAL_TEST).any())
    side = _sides(rows, config, official)
    fate = np.full(len(rows.kind), QUARANTINED, np.uint8)
    fate[rows.kind == OFFICIAL_TEST] = TEST
    _drop_duplicates_of_test(rows, fate)
    conflicting = _drop_exact_duplicates(rows, fate)
    open_ = fate == QUARANTINED
    labelled = open_ & (rows.kind == LABELLED)
    mended = _mend(rows, labelled, side, labels, official)
    fate[labelled] = side[rows.group[labelled]]
    _place_unlabelled(rows, fate, open_ & (rows.kind == NO_LABEL))
    _check(rows, fate, labels)
    test = np.flatnonzero(fate == TEST)
    return Decision(fate, conflicting, len(test) - len(np.unique(rows.first[test])), mended)


def _sides(rows: Rows, config: PrepareConfig, official: bool) -> np.ndarray:
    """The side of each group by hash, uint8 [N], at the group's number."""
    smallest = np.full(len(rows.kind), np.iinfo(np.uint64).max, np.uint64)
    counted = rows.kind != REJECTED
    np.minimum.at(smallest, rows.group[counted], rows.sha256[counted])
    salt = hashlib.sha256(f"split {config.seed}".encode()).digest()
    draw = mix(smallest ^ np.uint64(int.from_bytes(salt[:8], "big"))) / 2.0**64
    test_share = 0.0 if official else config.test_share
    side = np.full(len(draw), TRAIN, np.uint8)
    side[draw < test_share + config.valid_share * (1 - test_share)] = VALID
    side[draw < test_share] = TEST
    return side


def _drop_duplicates_of_test(rows: Rows, fate: np.ndarray) -> None:
    """Drop what shares a group, or its very tokens, with a row of an official test split."""
    test = rows.kind == OFFICIAL_TEST
    for numbers, near in ((rows.group, "near_duplicate"), (rows.first, "duplicate")):
        holds_test = np.zeros(len(fate), bool)
        holds_test[numbers[test]] = True
        for kind, name in ((LABELLED, "labelled"), (NO_LABEL, "unlabelled")):
            fate[(rows.kind == kind) & holds_test[numbers]] = reason(f"{name}_{near}_of_test")


def _drop_exact_duplicates(rows: Rows, fate: np.ndarray) -> int:
    """Keep one of the open rows with equal tokens; the number of dropped rows whose label contradicts the kept row's."""
    open_ = np.flatnonzero(fate == QUARANTINED)
    open_ = open_[rows.kind[open_] != REJECTED]
    # The smallest of (has no label, position in the corpus) is kept.
    rank = open_ + np.where(rows.kind[open_] == NO_LABEL, len(fate), 0)
    best = np.full(len(fate), 2 * len(fate), np.int64)
    np.minimum.at(best, rows.first[open_], rank)
    dropped = open_[rank != best[rows.first[open_]]]
    keeper = best[rows.first[dropped]] % len(fate)
    labelled = rows.kind[dropped] == LABELLED
    fate[dropped] = np.where(labelled, reason("labelled_duplicate"), reason("unlabelled_duplicate"))
    return int((labelled & (rows.label[dropped] != rows.label[keeper])).sum())


def _place_unlabelled(rows: Rows, fate: np.ndarray, unlabelled: np.ndarray) -> None:
    fate[unlabelled] = UNLABELLED
    for side in (VALID, TEST):
        held_out = np.zeros(len(fate), bool)
        held_out[rows.group[fate == side]] = True
        fate[unlabelled & held_out[rows.group]] = reason(f"unlabelled_near_duplicate_of_{SPLITS[side]}")


def _mend(rows: Rows, labelled: np.ndarray, side: np.ndarray, labels: Sequence[str], official: bool) -> int:
    """Give every label a group on every side if it has enough groups, train first; the number of groups moved.

    The side that has the most of a label's groups gives the one with the smallest number. Only labels with a handful of
    groups are ever touched, so this does not unsettle the split of a corpus that grows.
    """
    sides = (TRAIN, VALID) if official else (TRAIN, TEST, VALID)
    label, group = rows.label[labelled], rows.group[labelled]
    present = np.zeros((len(labels), len(SPLITS)), bool)
    present[label, side[group]] = True
    lacking = np.flatnonzero(present.any(axis=1) & ~present[:, list(sides)].all(axis=1))
    pairs = np.unique(label.astype(np.int64) * len(side) + group) if len(lacking) else np.empty(0, np.int64)
    moved = 0
    for code in sorted(lacking.tolist(), key=lambda code: labels[code]):
        start, stop = np.searchsorted(pairs, [code * len(side), (code + 1) * len(side)])
        own = pairs[start:stop] - code * len(side)
        due = sides[: len(own)]
        for wanted in due:
            by_side = {other: own[side[own] == other] for other in sides}
            if not len(by_side[wanted]):
                # Never the last group of a side that is due one.
                spare = {other: len(found) - (other in due) for other, found in by_side.items()}
                donor = max(sides, key=spare.__getitem__)
                side[by_side[donor][0]] = wanted
                moved += 1
    if moved:
        log.info("moved %d groups of rows so that rare labels stand on every side of the split", moved)
    return moved


def _check(rows: Rows, fate: np.ndarray, labels: Sequence[str]) -> None:
    in_train = np.unique(rows.label[fate == TRAIN])
    if len(in_train) < 2:
        names = ", ".join(repr(labels[code]) for code in in_train) or "none"
        raise RequestError(
            f"train has {len(in_train)} label(s) after cleaning and removing duplicates ({names}); "
            "a classifier needs at least two"
        )
    for side in (VALID, TEST):
        if not (fate == side).any():
            raise RequestError(
                f"{SPLITS[side]} would have no row: {int((fate == TRAIN).sum())} distinct train rows are too few to part; "
                "give more rows"
            )
    unseen = sorted({labels[code] for code in np.setdiff1d(rows.label[fate == TEST], in_train) if code >= 0})
    if unseen:
        log.warning("test rows have labels that train has not, and no model can get them right: %s", ", ".join(unseen))
