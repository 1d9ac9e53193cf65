"""Means over folds with intervals, and two recipes compared in pairs on the same folds.

J folds of all repetitions. Folds share training rows, so their variance alone makes an interval too narrow: the variance counts
1/J + test rows/train rows times, as in the corrected resampled t of Nadeau & Bengio (2003), "Inference for the Generalization
Error", Machine Learning 52:239-281.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.register.evidence import corrected_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

METHOD = "corrected resampled t (Nadeau & Bengio 2003), 95%"
LEVEL = 0.95
ALIKE = 1e-9  # an error below it is that of rounding
FIGURES = ("accuracy", "macro_f1")


def mean_of_folds(values: Sequence[float], folds: int) -> dict[str, Any]:
    """Mean, standard deviation between folds, corrected standard error and 95% interval of a share on each of J folds."""
    values_J = np.array(values, np.float64)
    found = corrected_interval(values_J, folds - 1, 1, LEVEL)
    return {
        "mean": found.mean,
        "deviation": float(values_J.std(ddof=1)),
        "error": found.error,
        "interval": [max(found.lower, 0.0), min(found.upper, 1.0)],
        "folds": values_J.tolist(),
    }


def difference_of_folds(ours: Sequence[float], theirs: Sequence[float], folds: int) -> dict[str, Any]:
    """Ours minus theirs, fold by fold: mean, corrected error, 95% interval, and the one-sided p that ours is not better."""
    difference_J = np.array(ours, np.float64) - np.array(theirs, np.float64)
    found = corrected_interval(difference_J, folds - 1, 1, LEVEL)
    return {
        "mean": found.mean,
        "error": found.error,
        "interval": [found.lower, found.upper],
        "p": one_sided_p(found.mean, found.error, len(difference_J)),
        "folds": difference_J.tolist(),
    }


def one_sided_p(mean: float, error: float, folds: int) -> float:
    """The probability of a mean as high as this, or higher, if the true one were 0: Student's t with J - 1 degrees.

    Where all folds differ alike there is no spread to judge by; then that all have the same sign, by the sign test.
    """
    from scipy.special import stdtr

    if error < ALIKE:
        return 0.5**folds if mean > ALIKE else 1.0
    return float(stdtr(folds - 1, -mean / error))
