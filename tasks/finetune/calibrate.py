"""Probabilities that mean what they say, and the weights of a sum, both from the validation rows.

Shapes: N rows, C classes.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from tasks.model.scores import add, log_softmax

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLDEST, HOTTEST = 1e-3, 1e3
GRID = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
MAX_GRID_VIEWS = 4  # 9 ** 3 sums; the remaining views of a longer sum weigh 1


def temperature(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """What to divide logits by so that their log-loss is least (Guo et al. 2017).

    The loss is convex in 1 / temperature, so bisecting its slope finds the minimum. Targets are smoothed as by Platt (1999):
    a few rows that are all right would otherwise make every later answer certain.
    """
    logits_NC = logits_NC.astype(np.float64)
    target_NC = _smoothed(labels_N, logits_NC.shape[1])
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        probabilities_NC = np.exp(log_softmax(logits_NC * np.exp(middle)))
        slope = ((probabilities_NC - target_NC) * logits_NC).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def bias_and_temperature(logits_NC: np.ndarray, labels_N: np.ndarray) -> tuple[np.ndarray, float]:
    """What to add to logits [C], and what to divide them by then, so that their log-loss is least; targets as above.

    Without the first a class' probability may be too high everywhere, which no temperature mends and which a shift to other
    shares of the classes would carry along (Alexandari, Kundaje & Shrikumar 2020, "Maximum likelihood with bias-corrected
    calibration is hard-to-beat at label shift adaptation").
    """
    from scipy.optimize import minimize

    logits_NC = logits_NC.astype(np.float64)
    num_rows, num_classes = logits_NC.shape
    target_NC = _smoothed(labels_N, num_classes)
    unit = float(temperature(logits_NC, labels_N))
    calm_NC = logits_NC / unit

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        likely_NC = log_softmax(calm_NC * np.exp(flat[0]) + flat[1:])
        slope_NC = (np.exp(likely_NC) - target_NC) / num_rows
        scale = float((slope_NC * calm_NC).sum() * np.exp(flat[0]))
        return float(-(target_NC * likely_NC).sum() / num_rows), np.concatenate([[scale], slope_NC.sum(0)])

    bounds = [(np.log(unit / HOTTEST), np.log(unit / COLDEST)), *[(None, None)] * num_classes]
    found = minimize(loss, np.zeros(num_classes + 1), jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-7}).x
    degrees = float(unit / np.exp(found[0]))
    bias_C: np.ndarray = degrees * (found[1:] - found[1:].mean())
    return bias_C, degrees


def smoothed_shares(labels_N: np.ndarray, num_classes: int) -> np.ndarray:
    """The share of each class among rows, float64 [C], none of them 0: that of the targets of calibration."""
    shares_C: np.ndarray = _smoothed(labels_N, num_classes).mean(0)
    return shares_C


def _smoothed(labels_N: np.ndarray, num_classes: int) -> np.ndarray:
    """What the probabilities of rows are fitted to, float64 [N, C]."""
    num_rows = len(labels_N)
    target_NC = np.full((num_rows, num_classes), 1.0) / (num_rows + num_classes)
    target_NC[np.arange(num_rows), labels_N] += num_rows / (num_rows + num_classes)
    return target_NC


def deviation(logits_NC: np.ndarray) -> float:
    """Standard deviation of logits around each row's mean: the unit in which views are added; 1 if they never differ."""
    return float((logits_NC - logits_NC.mean(1, keepdims=True)).std()) or 1.0


def choose_weights(logits: Mapping[str, np.ndarray], deviations: Mapping[str, float], labels_N: np.ndarray) -> dict[str, float]:
    """Weights of the views, the first one's 1, that give the least calibrated log-loss; of equals the first tried."""
    names: Sequence[str] = list(logits)
    best, chosen = np.inf, dict.fromkeys(names, 1.0)
    searched = names[1:MAX_GRID_VIEWS]
    for values in itertools.product(GRID, repeat=len(searched)):
        weights = dict.fromkeys(names, 1.0) | dict(zip(searched, values, strict=True))
        summed_NC = add(logits, deviations, weights)
        loss = -log_softmax(summed_NC / temperature(summed_NC, labels_N))[np.arange(len(labels_N)), labels_N].mean()
        if loss < best:
            best, chosen = float(loss), weights
    return chosen
