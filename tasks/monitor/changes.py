"""By how many standard errors the mean probability of a label differs between two spans of days. Shape: S series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def deviates(count: ArrayLike, mass: ArrayLike, count_before: ArrayLike, mass_before: ArrayLike) -> np.ndarray:
    """The differences of `mass / count`, in standard errors, float64 [S]; counts are above 0.

    No error is smaller than that of as many labels that are drawn with that probability.
    """
    n_S, now_S, n0_S, before_S = (np.asarray(each, np.float64) for each in (count, mass, count_before, mass_before))
    share_S = (now_S + before_S + 1) / (n_S + n0_S + 2)  # never 0 or 1 (Laplace), or one document would be infinitely sure
    error_S = np.sqrt(share_S * (1 - share_S) * (1 / n_S + 1 / n0_S))
    return np.asarray((now_S / n_S - before_S / n0_S) / error_S)
