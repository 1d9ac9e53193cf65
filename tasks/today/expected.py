"""How right a model is on documents that nobody has labelled, from its calibrated probabilities.

The mean probability of the given labels is the accuracy to expect where probabilities mean what they say. They are a little
off, so what is expected of a stream is compared with what was expected of the test rows, and the difference is added to the
accuracy that was measured there: the difference of confidences of Guillory, Shankar, Ebrahimi, Darrell & Schmidt 2021,
"Predicting with Confidence on Unseen Distributions". Macro-F1 follows from the expected confusion: a document counts for each
label by its probability.

Where only the shares of the classes have changed, every probability is off by the same factors. These are found by
expectation maximisation (Saerens, Latinne & Decaestecker 2002; Alexandari, Kundaje & Shrikumar 2020). Applied to
documents that have changed otherwise, this takes other writing for other classes, so it is used only where length and
unseen words are as before. Average thresholded confidence (Garg et al. 2022) was measured too and left: it needs rows that the
model was not fitted to, and a model with `finetune.refit` keeps none (docs/MONITORING.md has the figures).

None of it sees a change of what the labels mean. Shapes: N documents, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Z_95 = 1.959964
GROUPS = 10  # of days, each left out once
ROUNDS, TOLERANCE = 200, 1e-6
MIN_MOVED = 0.08  # total variation of the classes' shares from those of the test rows: less is chance, or of no weight
LEAST = 1e-9


class Figures(NamedTuple):
    """Accuracy and macro-F1."""

    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Promised:
    """What was measured on `rows` test rows at registration, `expected` what probabilities alone said of the same rows.

    `shares` are those of the classes there; empty where the probabilities are for other shares.
    """

    rows: int
    measured: Figures
    expected: Figures
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """What is expected, with 95% intervals, of `documents`; `shares` are those of the classes, by label.

    `adjusted` says that the shares of the classes have changed, and that the probabilities were changed with them.
    """

    figures: Figures
    accuracy_interval: tuple[float, float]
    macro_f1_interval: tuple[float, float]
    documents: int
    shares: Mapping[str, float]
    adjusted: bool


def expected_figures(probabilities_NC: np.ndarray, given_N: np.ndarray) -> Figures:
    """The figures to expect of the labels `given_N` (numbers below C); a label that nothing speaks for is left out."""
    num_labels = probabilities_NC.shape[1]
    right_N = probabilities_NC[np.arange(len(given_N)), given_N]
    right_C = np.bincount(given_N, weights=right_N, minlength=num_labels)
    both_C = np.bincount(given_N, minlength=num_labels) + probabilities_NC.sum(0)
    said_C = both_C >= 1.0
    return Figures(float(right_N.mean()), float((2 * right_C[said_C] / both_C[said_C]).mean()))


def with_shares_found(probabilities_NC: np.ndarray, shares_C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities under the shares that make the documents most likely, and these shares; `shares_C`: those of before."""
    shares_C = np.maximum(shares_C, LEAST)
    found_C = shares_C
    for _ in range(ROUNDS):
        scaled_NC = probabilities_NC * (found_C / shares_C)
        scaled_NC /= np.maximum(scaled_NC.sum(1, keepdims=True), LEAST)
        mean_C = scaled_NC.mean(0)
        done = np.abs(mean_C - found_C).max() < TOLERANCE
        found_C = mean_C
        if done:
            break
    return scaled_NC, found_C


def estimate(
    probabilities_NC: np.ndarray, days_N: np.ndarray, labels: Sequence[str], promised: Promised, *, same_writing: bool
) -> Estimate:
    """What to expect of documents by their probabilities, for the labels that these give.

    `same_writing` says that length and unseen words are those of the training data. The interval holds the documents (whole
    groups of days are left out, a jackknife), how few they are, and how few the test rows were; not what no probability knows.
    """
    probabilities_NC = probabilities_NC.astype(np.float64)
    probabilities_NC /= np.maximum(probabilities_NC.sum(1, keepdims=True), LEAST)
    given_N = probabilities_NC.argmax(1)
    before_C = np.array([promised.shares.get(label, 0.0) for label in labels])
    adjusted = False
    if same_writing and promised.shares:
        _, now_C = with_shares_found(probabilities_NC, before_C)
        adjusted = bool(np.abs(now_C - before_C).sum() / 2 >= MIN_MOVED)

    def figures(rows: np.ndarray) -> tuple[Figures, np.ndarray]:
        own_NC = probabilities_NC[rows]
        if adjusted:
            own_NC, _ = with_shares_found(own_NC, before_C)
        found = expected_figures(own_NC, given_N[rows])
        moved = [one + two - three for one, two, three in zip(promised.measured, found, promised.expected, strict=True)]
        return Figures(*(min(1.0, max(0.0, value)) for value in moved)), own_NC.mean(0)

    whole, shares_C = figures(np.arange(len(given_N)))
    errors = _errors(figures, days_N, whole)
    spread = whole.accuracy * (1 - whole.accuracy) / len(given_N)
    of_test = promised.measured.accuracy * (1 - promised.measured.accuracy) / promised.rows
    intervals = []
    for value, error in zip(whole, errors, strict=True):
        half = Z_95 * float(np.sqrt(error + spread + of_test))
        intervals.append((max(0.0, value - half), min(1.0, value + half)))
    shares = dict(zip(labels, shares_C.tolist(), strict=True))
    return Estimate(whole, intervals[0], intervals[1], len(given_N), shares, adjusted)


def _errors(figures: object, days_N: np.ndarray, whole: Figures) -> list[float]:
    """Variances by leaving out groups of days; of a single day, groups of documents."""
    days, place_N = np.unique(days_N, return_inverse=True)
    groups_N = (place_N if len(days) >= GROUPS else np.arange(len(days_N))) % GROUPS
    left = [figures(np.flatnonzero(groups_N != group))[0] for group in range(GROUPS) if (groups_N == group).any()]  # type: ignore[operator]
    if len(left) < 2:
        return [0.0, 0.0]
    each = np.array(left)
    variances: list[float] = ((len(left) - 1) / len(left) * ((each - each.mean(0)) ** 2).sum(0)).tolist()
    return variances
