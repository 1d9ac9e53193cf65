"""How well the probability of one of two labels ranks the rows, as interest or clicks are judged.

Shapes: N rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def ranking(truth: Sequence[str], classes: Sequence[str], probabilities_NC: np.ndarray) -> dict[str, Any] | None:
    """ROC AUC, and average precision of each label, of a model of two labels; None for others, or if a label has no row.

    Both as scikit-learn defines them: the area is the chance that a row of one label ranks above one of the other (Hanley &
    McNeil 1982, equal probabilities count half), average precision is the mean precision where recall rises. Rows of other
    labels are left out.
    """
    if len(classes) != 2:
        return None
    names_N = np.array(truth, object)
    kept_N = np.isin(names_N, np.array(classes, object))
    second_N, score_N = names_N[kept_N] == classes[1], probabilities_NC[kept_N, 1].astype(np.float64)
    if not 0 < second_N.sum() < len(second_N):
        return None
    precision = {classes[0]: _average_precision(~second_N, -score_N), classes[1]: _average_precision(second_N, score_N)}
    return {"roc_auc": _area(second_N, score_N), "average_precision": precision}


def _area(right_N: np.ndarray, score_N: np.ndarray) -> float:
    _, place_N, count = np.unique(score_N, return_inverse=True, return_counts=True)
    rank_N = (np.cumsum(count) - (count - 1) / 2)[place_N]  # equal scores share the mean of their ranks
    num = int(right_N.sum())
    return float((rank_N[right_N].sum() - num * (num + 1) / 2) / (num * (len(right_N) - num)))


def _average_precision(right_N: np.ndarray, score_N: np.ndarray) -> float:
    _, place_N = np.unique(-score_N, return_inverse=True)  # equal scores are one step
    found = np.cumsum(np.bincount(place_N, weights=right_N))
    precision = found / np.cumsum(np.bincount(place_N))
    return float((np.diff(np.append(0.0, found)) * precision).sum() / right_N.sum())
