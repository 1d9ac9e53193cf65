"""What a classifier's confidence is worth: the error among the answers if only the surest are given. Axes: N rows.

Geifman & El-Yaniv (2017), "Selective Classification for Deep Neural Networks"; the area under the curve (AURC) and what of it
is above the best order of the same answers: Geifman, Uziel & El-Yaniv (2019), "Bias-Reduced Uncertainty Estimation for Deep
Neural Classifiers".
"""

from __future__ import annotations

from typing import Any

import numpy as np

POINTS = 50  # of the curve that are kept


def risk_coverage(confidence_N: np.ndarray, correct_N: np.ndarray) -> dict[str, Any]:
    """The error among the surest k of N answers, for k = 1 .. N: its mean as `aurc`, and some points of the curve.

    Rows of equal confidence come in random order, so each counts as the mean of them. `excess` is what is above the mean
    that the same answers would have, had the right ones been the surest.
    """
    num = len(confidence_N)
    order_N = np.argsort(-confidence_N, kind="stable")
    _, group_N = np.unique(-confidence_N[order_N], return_inverse=True)
    sizes_G = np.bincount(group_N)
    wrong_N = (np.bincount(group_N, weights=~correct_N[order_N]) / sizes_G)[group_N]
    answered_N = np.arange(1, num + 1)
    risk_N = np.cumsum(wrong_N) / answered_N
    best_N = np.maximum(answered_N - int(correct_N.sum()), 0) / answered_N
    kept = np.unique(np.linspace(0, num - 1, min(POINTS, num)).round().astype(int))
    points = [
        {"answered": float(answered_N[at] / num), "error": float(risk_N[at]), "confidence": float(confidence_N[order_N[at]])}
        for at in kept
    ]
    return {"aurc": float(risk_N.mean()), "excess": float(risk_N.mean() - best_N.mean()), "points": points}
