"""Sums over days, and tails of binomials of any size: what the judgements of large and of small series are made of.

Shapes: S series, D days.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc

SMALLEST_TAIL = 1e-300  # a deviate of 37; no alarm needs more


def binomial_tail(negatives: np.ndarray, size: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Chance of more than `negatives` of `size` documents, and half that of just as many; neither need be whole numbers."""
    at_least = betainc(np.maximum(negatives, 1e-9), size - negatives + 1, mean)
    more = betainc(negatives + 1, np.maximum(size - negatives, 1e-9), mean)
    return np.maximum((at_least + more) / 2, SMALLEST_TAIL)


def trailing(values_SD: np.ndarray, days: int) -> np.ndarray:
    """Sum of each day and the `days` - 1 before it; before the first day there is nothing."""
    total_SD = np.cumsum(values_SD, axis=1)
    sums_SD = total_SD.copy()
    sums_SD[:, days:] -= total_SD[:, :-days]
    return sums_SD


def trailing_before(values_SD: np.ndarray, days: int, delay: int) -> np.ndarray:
    """What `trailing` was `delay` days before; zero before the first day."""
    total_SD = np.cumsum(values_SD, axis=1)
    sums_SD = np.zeros_like(total_SD)
    sums_SD[:, delay:] = total_SD[:, :-delay]
    sums_SD[:, delay + days :] -= total_SD[:, : -(delay + days)]
    return sums_SD


def delayed(values_SD: np.ndarray, days: int) -> np.ndarray:
    """The values of `days` days before; zero before the first day."""
    delayed_SD = np.zeros_like(values_SD)
    delayed_SD[:, days:] = values_SD[:, :-days]
    return delayed_SD
