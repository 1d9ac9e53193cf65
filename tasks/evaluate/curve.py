"""The learning curve: how accuracy and macro-F1 grow with the labelled rows a class, and what the next doubling may bring.

In go what draws of several sizes came to on the test rows, out come means with intervals, and an extrapolation by a power law:
the error is taken as b n^-c of n rows (Figueroa et al. 2012, "Predicting sample size required for classification performance",
BMC Medical Informatics and Decision Making 12:8). Draws of one number are nested, so each number has a curve of its own; the
spread of these curves gives the intervals. They say how much the choice of rows matters, nothing of the choice of test rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = ("accuracy", "macro_f1")
FITTED = 4  # sizes at most that the power law is fitted to, the largest: a curve bends


def learning_curve(draws: Sequence[Mapping[str, Any]], whole: Mapping[str, float], test_rows: int) -> dict[str, Any]:
    """The curve of draws, each with `per_class`, `draw`, `rows`, accuracy and macro-F1, or the `reason` why it has none.

    `whole` has the figures of the run's own model. A size is shown if every draw of it was measured.
    """
    failed = {each["per_class"]: each["reason"] for each in draws if each.get("reason")}
    measured = sorted({each["per_class"] for each in draws} - failed.keys())
    points = [_point([each for each in draws if each["per_class"] == size], size) for size in measured]
    curve: dict[str, Any] = {
        "points": points,
        "draws": len({each["draw"] for each in draws}),
        "test_rows": test_rows,
        "whole": {name: whole[name] for name in (*FIGURES, "rows")},
        "failed": [{"per_class": size, "reason": reason} for size, reason in sorted(failed.items())],
        "next": None,
    }
    if len(points) > 1:
        sizes = measured[-FITTED:]
        least = 0.5 / max(test_rows, 1)  # of an error: half a row
        by_draw = {name: _by_draw(draws, sizes, name) for name in FIGURES}
        following = {name: next_doubling(sizes, values_DS, least) for name, values_DS in by_draw.items()}
        curve["next"] = {"per_class": 2 * measured[-1], "sizes": sizes, **following}
    return curve


def next_doubling(sizes: Sequence[int], scores_DS: np.ndarray, least: float) -> dict[str, Any]:
    """What twice the largest size is expected to add to a score, by the power law of each draw; its mean and 95% interval.

    `scores_DS` is the score of each draw at each size; errors below `least` count as that.
    """
    errors_DS = np.log(np.maximum(1 - scores_DS, least))
    logs_S = np.log(np.array(sizes, float))
    centred_S = logs_S - logs_S.mean()
    slope_D = errors_DS @ centred_S / (centred_S @ centred_S)
    last_D = np.exp(errors_DS.mean(1) + slope_D * centred_S[-1])
    gains_D = last_D * (1 - 2.0**slope_D)
    return {"gain": float(gains_D.mean()), "interval": mean_interval(gains_D), "exponent": float(-slope_D.mean())}


def mean_interval(values: np.ndarray) -> list[float] | None:
    """The 95% interval of a mean, by Student's t; None of a single value."""
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return [float(values.mean()) - half, float(values.mean()) + half]


def _point(draws: Sequence[Mapping[str, Any]], size: int) -> dict[str, Any]:
    point: dict[str, Any] = {"per_class": size, "rows": round(float(np.mean([each["rows"] for each in draws])))}
    for name in FIGURES:
        values = np.array([each[name] for each in draws])
        spread = float(values.std(ddof=1)) if len(values) > 1 else None
        point[name] = {
            "mean": float(values.mean()),
            "deviation": spread,
            "interval": mean_interval(values),
            "draws": values.tolist(),
        }
    return point


def _by_draw(draws: Sequence[Mapping[str, Any]], sizes: Sequence[int], name: str) -> np.ndarray:
    """The scores of each draw at each of the sizes."""
    scores = {(each["draw"], each["per_class"]): each[name] for each in draws if each["per_class"] in sizes}
    numbers = sorted({draw for draw, _ in scores})
    return np.array([[scores[draw, size] for size in sizes] for draw in numbers])
