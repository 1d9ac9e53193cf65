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
    num_rows, num_classes = logits_NC.shape
    target_NC = np.full((num_rows, num_classes), 1.0) / (num_rows + num_classes)
    target_NC[np.arange(num_rows), labels_N] += num_rows / (num_rows + num_classes)
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        probabilities_NC = np.exp(log_softmax(logits_NC * np.exp(middle)))
        slope = ((probabilities_NC - target_NC) * logits_NC).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


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
