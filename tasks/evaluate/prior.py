"""The figures of the test where classes have other shares than among the test rows: a class' rows count by its share in use.

In go the outcomes of the test rows and the share of each class, out come accuracy, macro-F1, calibration and log-loss as they
are to be expected there. The rows of a class are a sample of it, so resamples are drawn by class.

Axes: N rows, K labels in play, R resamples, B bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluate.compare import wilson_interval
from tasks.evaluate.metrics import f1_scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.evaluate.metrics import Outcomes

NARROW = 1e-12  # an interval without a width: all resamples were alike


def measure_under(rows: Outcomes, shares: Mapping[str, float], *, bins: int, resamples: int, seed: int) -> dict[str, Any]:
    """The figures to expect where the classes have these shares; rows of other labels count for nothing.

    `untested` are classes without a test row, whose shares go to the others.
    """
    confusion_KK = rows.confusion
    counts_K = confusion_KK.sum(1)
    given_K = np.array([shares.get(name, 0.0) for name in rows.names])
    tested_K = np.where(counts_K > 0, given_K, 0.0)
    share_K = tested_K / max(tested_K.sum(), NARROW)
    each_K = share_K / np.maximum(counts_K, 1)  # what one row of a class counts for
    weight_N = each_K[rows.true]
    accuracy = float(weight_N @ rows.correct)
    macro_f1 = f1_scores(confusion_KK * each_K[:, None])[1]
    figures: dict[str, Any] = {
        "shares": dict(shares),
        "untested": [name for name in shares if not counts_K[rows.names.index(name)]],
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "intervals": _intervals(confusion_KK, share_K, accuracy, macro_f1, resamples, seed),
        "ece": _calibration_error(rows.confidence, rows.correct, weight_N, bins),
    }
    if np.isfinite(rows.likelihood).all():
        likely_N = np.log(np.clip(rows.likelihood, np.finfo(np.float32).eps, 1.0))
        figures["log_loss"] = float(-(weight_N @ likely_N))
    return figures


def _intervals(
    confusion_KK: np.ndarray, share_K: np.ndarray, accuracy: float, macro_f1: float, resamples: int, seed: int
) -> dict[str, list[float]]:
    """95% percentile intervals of resamples of each class' rows; Wilson's where all resamples are alike."""
    generator = np.random.default_rng(seed)
    num, counts_K = len(share_K), confusion_KK.sum(1)
    right_RK, predicted_RK = np.zeros((resamples, num)), np.zeros((resamples, num))
    for k in np.flatnonzero(share_K > 0):
        drawn_RK = generator.multinomial(counts_K[k], confusion_KK[k] / counts_K[k], size=resamples)
        one_row = share_K[k] / counts_K[k]
        right_RK[:, k] = one_row * drawn_RK[:, k]
        predicted_RK += one_row * drawn_RK
    total_RK = predicted_RK + share_K
    f1_RK = np.divide(2 * right_RK, total_RK, out=np.full(total_RK.shape, np.nan), where=total_RK > 0)
    effective = 1 / max(float((share_K**2 / np.maximum(counts_K, 1)).sum()), NARROW)  # rows that would tell as much
    drawn = {"accuracy": (right_RK.sum(1), accuracy), "macro_f1": (np.nanmean(f1_RK, axis=1), macro_f1)}
    found = {}
    for name, (values_R, value) in drawn.items():
        low, high = (float(each) for each in np.quantile(values_R, [0.025, 0.975]))
        found[name] = [low, high] if high - low > NARROW else wilson_interval(min(value, 1.0), effective)
    return found


def _calibration_error(confidence_N: np.ndarray, correct_N: np.ndarray, weight_N: np.ndarray, bins: int) -> float:
    """The mean gap of confidence and accuracy over the bins, weighted by what their rows count for."""
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(np.int64) - 1, 0, bins - 1)
    gap_B = np.bincount(bin_N, weights=weight_N * (confidence_N - correct_N), minlength=bins)
    return float(np.abs(gap_B).sum())
