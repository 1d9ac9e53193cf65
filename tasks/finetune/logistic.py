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


@dataclass(frozen=True)
class Near:
    """Where to begin, and what to stay near to: weights [F, C] and bias [C], and slopes there that are taken off the loss'."""

    weights: np.ndarray
    bias: np.ndarray
    slopes: np.ndarray
    bias_slopes: np.ndarray


def logistic_regression(
    features_NF: Any,  # an array or a csr_matrix
    labels_N: np.ndarray,
    num_classes: int,
    l2: float,
    importance_N: np.ndarray | None = None,
    *,
    solver: Solver,
    offset_NC: np.ndarray | None = None,
    reach_FC: np.ndarray | None = None,
    near: Near | None = None,
    advance: Callable[[int], None] = lambda step: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [F, C] and bias [C], float64, of least mean log-loss plus `l2` / 2 times the squared weights.

    `importance_N` weighs the documents, `offset_NC` are logits that they have beside these; `advance` gets the number of each
    step. Products are of the features' own precision. With `reach_FC`, 0 or more, it is the weights divided by
    these that are squared: one of twice the reach costs a quarter, one of none stays 0. With `near` it is the distance to
    those weights that is squared, and the loss is tilted so that its slopes there are less by those given.
    """
    (num_rows, num_features), precision = features_NF.shape, features_NF.dtype
    target_NC = np.zeros((num_rows, num_classes))
    target_NC[np.arange(num_rows), labels_N] = 1
    share_N1 = (np.ones(num_rows) if importance_N is None else importance_N)[:, None] / num_rows
    given_NC: Any = 0.0 if offset_NC is None else offset_NC
    assert reach_FC is None or near is None
    turned_FN = features_NF.T.tocsr() if issparse(features_NF) else features_NF.T

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        held_FC, bias_C = flat[num_classes:].reshape(num_features, num_classes), flat[:num_classes]
        weights_FC = held_FC if reach_FC is None else held_FC * reach_FC
        likely_NC = log_softmax(features_NF @ weights_FC.astype(precision, copy=False) + bias_C + given_NC)
        slope_NC = (np.exp(likely_NC) - target_NC) * share_N1
        moved_FC = held_FC if near is None else held_FC - near.weights
        value = -(target_NC * likely_NC * share_N1).sum() + l2 / 2 * (moved_FC**2).sum()
        slopes_FC, slopes_C = turned_FN @ slope_NC.astype(precision, copy=False), slope_NC.sum(0)
        if reach_FC is not None:
            slopes_FC = slopes_FC * reach_FC
        slopes_FC = slopes_FC + l2 * moved_FC
        if near is not None:
            value -= (near.slopes * weights_FC).sum() + near.bias_slopes @ bias_C
            slopes_FC, slopes_C = slopes_FC - near.slopes, slopes_C - near.bias_slopes
        return float(value), np.concatenate([slopes_C, slopes_FC.ravel()])

    steps = 0

    def count(_: np.ndarray) -> None:
        nonlocal steps
        steps += 1
        advance(steps)

    start = np.zeros(num_classes * (num_features + 1))
    if near is not None:
        start = np.concatenate([near.bias, near.weights.ravel()]).astype(np.float64)
    kept = min(max(REMEMBERED // (2 * len(start)), 3), solver.remembers)
    options = {"maxiter": solver.steps, "maxfun": 2 * solver.steps, "gtol": FLAT, "ftol": 0.0, "maxcor": kept}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", callback=count, options=options).x
    found_FC = found[num_classes:].reshape(num_features, num_classes)
    return found_FC if reach_FC is None else found_FC * reach_FC, found[:num_classes]


def slopes(
    features_NF: Any, labels_N: np.ndarray, share_N: np.ndarray, weights_FC: np.ndarray, bias_C: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How the log-loss of documents, each times its share, changes with weights [F, C] and bias [C] at the given ones."""
    slope_NC = np.exp(log_softmax(features_NF @ weights_FC + bias_C))
    slope_NC[np.arange(len(labels_N)), labels_N] -= 1
    slope_NC *= share_N[:, None]
    return features_NF.T @ slope_NC, slope_NC.sum(0)
