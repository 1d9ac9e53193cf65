"""The side of each group of near-duplicates: a function of its smallest SHA-256, the seed and, by rule 2, a salt.

Rule 1 is the rule of versions before 0.2. Rule 2 draws with a salt, so that the most even of many splits can be chosen once for
a new name, and has its own care for classes of a few groups. By either rule a group's draw never changes as the corpus grows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow.compute as pc

from tasks.prepare.minhash import mix
from tasks.prepare.schema import SPLITS, TEST, TRAIN, VALID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tasks.prepare.settings import PrepareConfig

RARE = 20  # groups; a class with this many gets nearly its share on every side by chance alone
WITH_VALID = 10  # groups; a rare class with this many gets one for validation


class Rule(NamedTuple):
    """How sides are drawn. `salt` is None by rule 1; shares are those of all labelled groups."""

    seed: int
    salt: int | None
    test_share: float
    valid_share: float

    @classmethod
    def from_config(cls, config: PrepareConfig, official: bool, official_valid: bool = False) -> Rule:
        """Make the configured rule; auto is rule 2 with salt 0, but a training run has replaced auto before this.

        No share is drawn for a side whose rows are given: `official` for test, `official_valid` for valid.
        """
        salt = None if config.split_rule == 1 else 0 if config.salt == "auto" else config.salt
        test_share = 0.0 if official else config.test_share
        return cls(config.seed, salt, test_share, 0.0 if official_valid else config.valid_share * (1 - test_share))


def digest_words(column: pa.Array) -> np.ndarray:
    """The first eight bytes of SHA-256 digests in hexadecimal, uint64 [N]."""
    heads = "".join(pc.utf8_slice_codeunits(column, 0, 16).to_pylist())
    return np.frombuffer(bytes.fromhex(heads), ">u8").astype(np.uint64)


def draws(digests: np.ndarray, rule: Rule) -> np.ndarray:
    """A number in [0, 1) for each of the digests, uint64 [N]: below the test share it is a test row, then a valid row."""
    words = f"split {rule.seed}" if rule.salt is None else f"split {rule.seed} salt {rule.salt}"
    salt = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
    return mix(digests ^ np.uint64(salt)) / 2.0**64


def sides_of(draw: np.ndarray, rule: Rule) -> np.ndarray:
    """The side of each draw, uint8 [N]."""
    side = np.full(len(draw), TRAIN, np.uint8)
    side[draw < rule.test_share + rule.valid_share] = VALID
    side[draw < rule.test_share] = TEST
    return side


def mend_by_rule_1(label: np.ndarray, group: np.ndarray, side: np.ndarray, labels: Sequence[str], rule: Rule) -> int:
    """Give every label a group on every side if it has enough groups, train first; the number of groups moved.

    `label` and `group` [M] are those of the labelled rows; `side` [N], at the group's number, is changed in place. The side
    with the most of a label's groups gives the one with the smallest number. Only labels with a handful of groups are ever
    touched, so this does not unsettle the split of a corpus that grows.
    """
    shares = {TRAIN: 1.0, TEST: rule.test_share, VALID: rule.valid_share}
    sides = tuple(side for side, share in shares.items() if share)  # those that rows are drawn for
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
    return moved


def mend_by_rule_2(
    label: np.ndarray, group: np.ndarray, side: np.ndarray, draw: np.ndarray, labels: Sequence[str], rule: Rule
) -> int:
    """Give classes of fewer than 20 groups their sides by `due`, train first and valid last; the number of groups moved.

    Arguments as for `mend_by_rule_1`; `draw` float64 [N], at the group's number. Of a class the groups with the smallest draws
    go to test, the next to valid, the rest to train: another order of the corpus moves nothing, and one more group at most
    one beside it on each border. A group of several classes is placed once, for the class with the fewest groups.
    """
    classes = _Classes(label, group, draw, len(side))
    before, placed = side[classes.groups], np.zeros(len(side), bool)
    for code in sorted(np.flatnonzero(classes.counts < RARE).tolist(), key=lambda code: (classes.counts[code], labels[code])):
        own = classes.of(code)
        test, valid = due(len(own), int((side[own] == TEST).sum()), int((side[own] == VALID).sum()), rule)
        free, fixed = own[~placed[own]], side[own[placed[own]]]
        test, valid = max(0, test - int((fixed == TEST).sum())), max(0, valid - int((fixed == VALID).sum()))
        side[free] = TRAIN
        side[free[:test]] = TEST
        side[free[test : test + valid]] = VALID
        placed[own] = True
    _fill_valid(classes, side, draw, rule)
    return int(np.count_nonzero(before != side[classes.groups]))


class _Classes:
    """The groups of each class: `groups` int64 in the order of the classes, `counts` of each class' groups."""

    def __init__(self, label: np.ndarray, group: np.ndarray, draw: np.ndarray, num: int) -> None:
        pairs = np.unique(label.astype(np.int64) * num + group)
        self.groups = pairs % num
        self.counts = np.bincount(pairs // num)
        self._draw = draw
        self._ends = np.cumsum(self.counts)

    def of(self, code: int) -> np.ndarray:
        """A class' groups, those with the smallest draws first."""
        own = self.groups[self._ends[code] - self.counts[code] : self._ends[code]]
        return own[np.argsort(self._draw[own], kind="stable")]


def due(count: int, test: int, valid: int, rule: Rule) -> tuple[int, int]:
    """How many of a rare class' groups go to test and to valid, of `count`, where their draws would give `test` and `valid`.

    Train gets its share, rounded down, at least one, and two where there are three; then test at least one; valid needs none
    below ten groups.
    """
    train = max(int(count * (1 - rule.test_share - rule.valid_share)), 2 if count > 2 else 1)
    fewest_test, fewest_valid = int(rule.test_share > 0), int(count >= WITH_VALID and rule.valid_share > 0)
    room = count - train
    test = min(max(test, fewest_test), room, max(room - fewest_valid, fewest_test))
    valid = min(max(valid, fewest_valid), room - test)
    return test, valid


def _fill_valid(classes: _Classes, side: np.ndarray, draw: np.ndarray, rule: Rule) -> None:
    """Where valid has less than half of its share, take one train group of each class, of those with most groups first.

    Where no class can give one, test groups are taken, all but the last. Validation decides when training stops, so a corpus of
    tiny classes alone needs it too.
    """
    if not rule.valid_share:
        return
    groups = np.unique(classes.groups)
    wanted = max(1, round(rule.valid_share * len(groups)))
    missing = wanted - int((side[groups] == VALID).sum())
    if 2 * missing <= wanted:
        return
    by_class = [classes.of(code) for code in np.flatnonzero(classes.counts).tolist()]
    for own in sorted(by_class, key=lambda own: (-len(own), draw[own[0]])):
        train = own[side[own] == TRAIN]
        if missing and len(train) > 1:
            side[train[0]] = VALID
            missing -= 1
    if missing == wanted:
        test = groups[side[groups] == TEST]
        test = test[np.argsort(draw[test], kind="stable")]
        side[test[: min(missing, len(test) - 1)]] = VALID
