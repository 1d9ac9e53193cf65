"""The views of a model added up and calibrated on the validation rows: in go their logits, out come the numbers of the sum.

Shapes: N validation rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.finetune.calibrate import bias_and_temperature, choose_weights, deviation, smoothed_shares, temperature
from tasks.finetune.measures import accuracy
from tasks.model.scores import add

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.finetune.job import Job, Trained


@dataclass(frozen=True)
class Summed:
    """What each view counts for, and the validation rows: `logits` [N, C] of the sum before calibration, shift included.

    `shift` [C] is what is added to the sum for another prior of the classes; None: nothing.
    """

    views: Mapping[str, np.ndarray]
    labels: np.ndarray
    deviations: Mapping[str, float]
    weights: Mapping[str, float]
    temperature: float
    logits: np.ndarray
    shift: np.ndarray | None = None

    @property
    def measured(self) -> bool:
        """Whether there are validation rows."""
        return len(self.labels) > 0


def summed(job: Job, trained: Mapping[str, Sequence[Trained]]) -> Summed:
    """Add the views up and calibrate the sum."""
    labels_N = next(iter(trained.values()))[0].labels
    views = {view: np.mean([part.logits for part in parts], axis=0) for view, parts in trained.items()}
    deviations = weights = dict.fromkeys(views, 1.0)
    degrees, shift_C = 1.0, None
    if measured := len(labels_N) > 0:
        deviations = {view: deviation(logits_NC) for view, logits_NC in views.items()}
        weights = choose_weights(views, deviations, labels_N)
    logits_NC = add(views, deviations, weights)
    if job.prior is not None:
        shift_C, degrees = for_prior(logits_NC, labels_N, job.prior)
        logits_NC = logits_NC + shift_C
    elif measured:
        degrees = temperature(logits_NC, labels_N)
    return Summed(views, labels_N, deviations, weights, degrees, logits_NC, shift_C)


def for_prior(logits_NC: np.ndarray, labels_N: np.ndarray, prior: Sequence[float]) -> tuple[np.ndarray, float]:
    """What to add to logits, float32 [C], and what to divide them by then, where classes have the shares of `prior`.

    The probabilities that the rows have are multiplied by the share in use over the rows' own (Saerens, Latinne & Decaestecker
    2002, "Adjusting the outputs of a classifier to new a priori probabilities: a simple procedure", equation 2.4), however the
    model came to them: calibration takes out what weights of the classes have put in. A model that no row measures is taken
    to hold all classes for equally likely.
    """
    ratio_C = np.log(prior)
    bias_C, degrees = np.zeros(len(prior)), 1.0
    if len(labels_N):
        bias_C, degrees = bias_and_temperature(logits_NC, labels_N)
        ratio_C = ratio_C - np.log(smoothed_shares(labels_N, len(prior)))
    shift_C: np.ndarray = (bias_C + degrees * (ratio_C - ratio_C.mean())).astype(np.float32)
    return shift_C, degrees


def expected_accuracy(logits_NC: np.ndarray, labels_N: np.ndarray, prior: Sequence[float] | None) -> float:
    """The share of rows that are right; with a prior, where the classes that have rows have its shares."""
    if prior is None:
        return accuracy(logits_NC, labels_N)
    return float(np.average(logits_NC.argmax(1) == labels_N, weights=importance(labels_N, prior)))


def importance(labels_N: np.ndarray, prior: Sequence[float]) -> np.ndarray:
    """What each row counts for, float64 [N], 1 on average, so that the classes that have rows have the shares of `prior`."""
    counts_C = np.bincount(labels_N, minlength=len(prior))
    shares_C = np.where(counts_C > 0, prior, 0.0)
    found_N: np.ndarray = (len(labels_N) * shares_C / max(shares_C.sum(), 1e-12) / np.maximum(counts_C, 1))[labels_N]
    return found_N
