"""Multinomial logistic regression by scipy's L-BFGS, on dense or sparse features.

Shapes: N documents, F features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import issparse

from tasks.model.scores import log_softmax

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED = 80_000_000  # numbers that L-BFGS keeps of its last steps, in two vectors each: 640 MB
FLAT = 1e-6  # largest slope of the mean loss at which it stops; a single document's share is 1 / N


@dataclass(frozen=True)
class Solver:
    """Most steps, and how many of the last ones L-BFGS remembers where memory allows it."""

    steps: int
    remembers: int = 10


def logistic_regression(
    features_NF: Any,  # an array or a csr_matrix
    labels_N: np.ndarray,
    num_classes: int,
    l2: float,
    importance_N: np.ndarray | None = None,
    *,
    solver: Solver,
    offset_NC: np.ndarray | None = None,
    advance: Callable[[int], None] = lambda step: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [F, C] and bias [C], float64, of least mean log-loss plus `l2` / 2 times the squared weights.

    `importance_N` weighs the documents, `offset_NC` are logits that they have beside these; `advance` gets the number of each
    step. Products are of the features' own precision.
    """
    (num_rows, num_features), precision = features_NF.shape, features_NF.dtype
    target_NC = np.zeros((num_rows, num_classes))
    target_NC[np.arange(num_rows), labels_N] = 1
    share_N1 = (np.ones(num_rows) if importance_N is None else importance_N)[:, None] / num_rows
    given_NC: Any = 0.0 if offset_NC is None else offset_NC
    turned_FN = features_NF.T.tocsr() if issparse(features_NF) else features_NF.T

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights_FC, bias_C = flat[num_classes:].reshape(num_features, num_classes), flat[:num_classes]
        likely_NC = log_softmax(features_NF @ weights_FC.astype(precision, copy=False) + bias_C + given_NC)
        slope_NC = (np.exp(likely_NC) - target_NC) * share_N1
        value = -(target_NC * likely_NC * share_N1).sum() + l2 / 2 * (weights_FC**2).sum()
        slopes_FC = turned_FN @ slope_NC.astype(precision, copy=False) + l2 * weights_FC
        return float(value), np.concatenate([slope_NC.sum(0), slopes_FC.ravel()])

    steps = 0

    def count(_: np.ndarray) -> None:
        nonlocal steps
        steps += 1
        advance(steps)

    start = np.zeros(num_classes * (num_features + 1))
    kept = min(max(REMEMBERED // (2 * len(start)), 3), solver.remembers)
    options = {"maxiter": solver.steps, "maxfun": 2 * solver.steps, "gtol": FLAT, "ftol": 0.0, "maxcor": kept}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", callback=count, options=options).x
    return found[num_classes:].reshape(num_features, num_classes), found[:num_classes]
