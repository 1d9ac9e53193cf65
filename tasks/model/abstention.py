"""When a model answers and when it abstains, so that at most a promised share of its answers is wrong.

In go thresholds of confidence with what calibration rows came to at each, out comes the threshold for any error that is asked
for. The test is split fixed-sequence testing (Angelopoulos et al. 2021, "Learn then Test: Calibrating Predictive Algorithms to
Achieve Risk Control", arXiv:2110.01052) of the selective risk (Geifman & El-Yaniv 2017, "Selective Classification for Deep
Neural Networks"). Other rows choose the thresholds and where to begin. The calibration rows, which chose nothing, are asked
about one threshold after another, from there to ever lower ones, until the upper bound of Clopper & Pearson (1934) for the
error among the answers is above the promise. Who stops at the first failure needs no correction for the number of thresholds.

Shapes: N texts, C labels, J thresholds.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ABSTENTION = "abstention.json"
FORMAT = 1
LEVEL = 0.95  # how often a promise holds, over draws of the calibration rows
MOST_THRESHOLDS = 40
NEVER = math.inf
REACHABLE = tuple(each / 200 for each in range(1, 200))  # errors that are tried when the one asked for cannot be promised


def log_tail(errors: int, answered: int, rate: float) -> float:
    """The logarithm of the probability of at most so many errors among the answers, each wrong with probability `rate`."""
    if errors >= answered:
        return 0.0
    if rate >= 1.0:
        return -math.inf
    each = np.arange(errors + 1)
    logs = _log_factorials(1 << answered.bit_length())  # few sizes, so that the tables are kept
    terms = logs[answered] - logs[each] - logs[answered - each] + each * math.log(rate) + (answered - each) * math.log1p(-rate)
    most = float(terms.max())
    return min(0.0, most + math.log(float(np.exp(terms - most).sum())))


@lru_cache(maxsize=8)
def _log_factorials(most: int) -> np.ndarray:
    """Logarithms of 0! to most!: float64 [most + 1]."""
    return np.append(0.0, np.cumsum(np.log(np.arange(1, most + 1))))


def upper_bound(errors: int, answered: int, level: float = LEVEL) -> float:
    """The one-sided upper bound of Clopper and Pearson for the share of wrong answers; 1 where nothing was answered."""
    if errors >= answered:
        return 1.0
    low, high = errors / answered, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle == 0 or log_tail(errors, answered, middle) > math.log1p(-level) else (low, middle)
    return high


@dataclass(frozen=True)
class Tested:
    """Thresholds of confidence, the strictest first, and what rows came to at each: how many were answered, how many wrongly.

    `answered` and `errors` are of the calibration rows, `chosen_answered` and `chosen_errors` of the rows that chose the
    thresholds; `rows` and `chosen_rows` count all of them, with those that were given another label where this is of one label.
    `chosen_errors` are as many as the confidence of these rows admits, or as there were if those are more: a model that was
    refitted on them is right in nearly all. They decide where the tests begin, and no promise depends on them.
    """

    thresholds: tuple[float, ...]
    rows: int
    answered: tuple[int, ...]
    errors: tuple[int, ...]
    chosen_rows: int
    chosen_answered: tuple[int, ...]
    chosen_errors: tuple[float, ...]

    @classmethod
    def of(
        cls,
        confidence_N: np.ndarray,
        correct_N: np.ndarray,
        chosen_confidence_M: np.ndarray,
        chosen_correct_M: np.ndarray,
        *,
        rows: int,
        chosen_rows: int,
        most: int = MOST_THRESHOLDS,
    ) -> Tested:
        """Count the answers; the thresholds are quantiles of the rows that choose, so they depend on no calibration row."""
        chosen_M = np.sort(chosen_confidence_M.astype(np.float32))
        places = np.linspace(0, max(len(chosen_M) - 1, 0), min(most, len(chosen_M))).astype(int)
        found = np.unique(np.concatenate([chosen_M[places], np.zeros(1, np.float32)]))[::-1]
        answered, errors = _counts(found, confidence_N, ~correct_N)
        chosen_answered, wrong = _counts(found, chosen_confidence_M, ~chosen_correct_M)
        _, admitted = _counts(found, chosen_confidence_M, 1 - chosen_confidence_M.astype(np.float64))
        return cls(
            tuple(found.astype(float).tolist()),
            rows,
            tuple(answered.tolist()),
            tuple(errors.astype(int).tolist()),
            chosen_rows,
            tuple(chosen_answered.tolist()),
            tuple(np.maximum(wrong, admitted).round(3).tolist()),
        )

    def place(self, max_error: float, level: float) -> int | None:
        """The lowest threshold at which at most `max_error` of the answers are wrong, with that level; None: no one is."""
        begin = min(range(len(self.thresholds)), key=lambda place: self._expected(place, max_error))
        found = None
        for place in range(begin, len(self.thresholds)):
            if log_tail(self.errors[place], self.answered[place], max_error) > math.log1p(-level):
                break
            found = place
        return found

    def _expected(self, place: int, max_error: float) -> float:
        """The tail that the rows which choose foretell for as many rows as the calibration has."""
        answered, errors = self.chosen_answered[place], self.chosen_errors[place]
        expected = round(answered * self.rows / max(self.chosen_rows, 1))
        return log_tail(min(math.ceil(expected * (errors + 0.5) / (answered + 1)), expected), expected, max_error)


def _counts(thresholds_J: np.ndarray, confidence_N: np.ndarray, wrong_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows at or above each threshold, and the sum of `wrong_N` over them."""
    order = np.argsort(confidence_N.astype(np.float32), kind="stable")
    sums_N = np.append(0.0, np.cumsum(wrong_N[order][::-1].astype(np.float64)))
    answered_J = len(order) - np.searchsorted(confidence_N.astype(np.float32)[order], thresholds_J, side="left")
    return answered_J, sums_N[answered_J]


@dataclass(frozen=True)
class Promise:
    """Where a model answers: `thresholds` [C] of confidence by the label that it would give, infinite where it never gives it.

    With probability `level` over draws of the `rows` calibration rows at most `max_error` of the answers are wrong; with
    `each_label` that is so of every label's answers at once. It answers the share `answered` of those rows, `errors` wrongly.
    """

    max_error: float
    each_label: bool
    thresholds: np.ndarray
    level: float
    rows: int
    answered: float
    errors: int

    def answers(self, probabilities_NC: np.ndarray) -> np.ndarray:
        """Which texts are answered, bool [N], by their probabilities as the model gives them."""
        best_N = probabilities_NC.argmax(axis=1)
        confidence_N = probabilities_NC[np.arange(len(best_N)), best_N].astype(np.float32)
        answered: np.ndarray = confidence_N >= self.thresholds.astype(np.float32)[best_N]
        return answered

    def says(self) -> str:
        """The promise in a line."""
        whose = "of each label's answers" if self.each_label else "of the answers"
        return (
            f"at most {100 * self.max_error:g}% {whose} wrong, with {100 * self.level:g}% confidence by {self.rows:,} rows; "
            f"{100 * self.answered:.0f}% of texts like these are answered"
        )

    def facts(self) -> dict[str, Any]:
        """The promise for a report or an answer in JSON; a threshold is null for a label that is never given."""
        return {
            "max_error": self.max_error,
            "each_label": self.each_label,
            "level": self.level,
            "thresholds": [None if math.isinf(value) else value for value in self.thresholds.tolist()],
            "calibration_rows": self.rows,
            "expected_answered": self.answered,
            "says": self.says(),
        }


@dataclass(frozen=True)
class Abstention:
    """What a package carries for promises: tables of thresholds, for all labels together and for each (by name).

    `rule` says which rows they were counted on: `held`, which the model has never seen, or `folds`.
    """

    rule: str
    labels: tuple[str, ...]
    together: Tested
    by_label: Mapping[str, Tested]

    @classmethod
    def measured(
        cls,
        rule: str,
        labels: Sequence[str],
        calibration: tuple[np.ndarray, np.ndarray],
        chosen: tuple[np.ndarray, np.ndarray],
    ) -> Abstention:
        """Make the tables of probabilities [N, C] and true labels (positions, int64 [N]; -1: another) of two sets of rows.

        The calibration rows chose nothing of the model, nor the thresholds; `chosen` may be the validation rows.
        """
        facts = [_outcomes(*rows) for rows in (calibration, chosen)]

        def tested(label: int | None) -> Tested:
            parts: list[np.ndarray] = []
            for best_N, confidence_N, correct_N in facts:
                said_N = np.ones(len(best_N), bool) if label is None else best_N == label
                parts += [confidence_N[said_N], correct_N[said_N]]
            return Tested.of(*parts, rows=len(calibration[1]), chosen_rows=len(chosen[1]))

        return cls(rule, tuple(labels), tested(None), {name: tested(at) for at, name in enumerate(labels)})

    @classmethod
    def read(cls, folder: Path) -> Abstention | None:
        """The tables of a package whose files are verified; None if it carries none."""
        try:
            content = json.loads((folder / ABSTENTION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if content["format"] != FORMAT:
            raise ValueError(f"{folder / ABSTENTION} has format {content['format']}; this program reads format {FORMAT}")
        by_label = {name: _read(values) for name, values in content["by_label"].items()}
        return cls(content["rule"], tuple(content["labels"]), _read(content["together"]), by_label)

    def written(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "format": FORMAT,
            "rule": self.rule,
            "labels": list(self.labels),
            "together": vars(self.together),
            "by_label": {name: vars(each) for name, each in self.by_label.items()},
        }

    def promise(self, max_error: float, *, each_label: bool = False) -> Promise:
        """The promise that at most `max_error` of the answers are wrong; RequestError where none can be made, with what can be.

        Each call is a promise of its own: whoever tries many errors and takes the one that suits has promised less. With
        `each_label` every label's threshold is tested at level 1 - 0.05 / C (Bonferroni), so that all hold at once.
        """
        if not 0.0 < max_error < 1.0:
            raise RequestError(f"max_error {max_error:g} is not between 0 and 1; 0.05 allows one wrong answer of twenty")
        made = self.possible(max_error, each_label=each_label)
        if made is None:
            others = (error for error in REACHABLE if error > max_error)
            least = next((error for error in others if self.possible(error, each_label=each_label)), None)
            what = "the error of each label's answers" if each_label else "the error among answers"
            rows = f"{self.together.rows:,} calibration rows"
            if least is None:
                raise RequestError(f"{rows} are too few to promise {what}; label more texts and train again")
            raise RequestError(
                f"{rows} cannot promise that {what} is at most {max_error:g}; the least they can promise is {least:g}"
            )
        return made

    def possible(self, max_error: float, *, each_label: bool = False) -> Promise | None:
        """The same, or None where none can be made."""
        tables = [self.by_label[name] for name in self.labels] if each_label else [self.together]
        level = 1 - (1 - LEVEL) / len(tables)
        places = [table.place(max_error, level) for table in tables]
        if all(place is None for place in places):
            return None
        found = [(table, place) for table, place in zip(tables, places, strict=True) if place is not None]
        values = [NEVER if place is None else table.thresholds[place] for table, place in zip(tables, places, strict=True)]
        return Promise(
            max_error,
            each_label,
            np.array(values if each_label else values * len(self.labels), np.float64),
            LEVEL,
            self.together.rows,
            sum(table.answered[place] for table, place in found) / max(self.together.rows, 1),
            sum(table.errors[place] for table, place in found),
        )


def _outcomes(probabilities_NC: np.ndarray, true_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The likeliest label of each row, its confidence, and whether it is right."""
    best_N = probabilities_NC.argmax(axis=1)
    return best_N, probabilities_NC[np.arange(len(best_N)), best_N], best_N == true_N


def _read(values: Mapping[str, Any]) -> Tested:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Tested(**fields)
