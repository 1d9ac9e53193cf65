"""Days of some series under test, and the deviate that each has to exceed.

Shapes: S series, D days.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import owens_t

if TYPE_CHECKING:
    from tasks.detect.settings import DetectConfig

FEWEST_DAYS = 1 / 512  # share of days with documents, below which thresholds fall no further
NUM_STEPS = 64
SHARED = 0.5  # of the accepted false alarms of a small whole stream for its surges; the other half is for its subjects


@dataclass(frozen=True)
class Judged:
    """Every day of some series under test: arrays [S, D]. `deviate` is NaN where there was too little to compare.

    `documents` are in the window, `before` in the baseline. Where a series `is_small`, its window is the longer one and
    `share_of_days` of its baseline have documents.
    """

    documents: np.ndarray
    share: np.ndarray
    baseline: np.ndarray
    deviate: np.ndarray
    before: np.ndarray
    is_small: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), bool))
    share_of_days: np.ndarray = field(default_factory=lambda: np.ones((1, 1)))

    def above(self, false_alarms: float, config: DetectConfig, least: float = 0.0) -> np.ndarray:
        """The days on which a series without a surge is seen only `false_alarms` times in 1,000 days: bool [S, D].

        However seldom a small series has documents, its deviate has to exceed `least`.
        """
        limit_SD = np.where(
            self.is_small,
            np.maximum(small_threshold(false_alarms, config.small_window or 1, self.share_of_days), least),
            threshold(false_alarms, config.window_days),
        )
        return np.asarray(np.nan_to_num(self.deviate, nan=-np.inf) > limit_SD)


def threshold(false_alarms: float, window_days: int, share: float = 1.0) -> float:
    """The deviate that a series without a surge crosses upwards `false_alarms` times in 1,000 days.

    It has documents on a `share` of the days. A rate that no threshold above zero can exceed, such as 250 / `window_days` or
    more of a series with documents on all days, gives zero.
    """
    slope = 1 / math.sqrt(2 * max(window_days * share, 1) - 1)

    def excess(deviate: float) -> float:
        return 2000 * share * float(owens_t(deviate, slope)) - false_alarms

    return float(brentq(excess, 0.0, 40.0)) if excess(0.0) > 0 else 0.0


def small_threshold(false_alarms: float, window_days: int, share: np.ndarray) -> np.ndarray:
    """The same for any array of shares, interpolated."""
    steps, limits = _thresholds(false_alarms, window_days)
    found: np.ndarray = np.interp(np.log(np.clip(share, FEWEST_DAYS, 1)), steps, limits)
    return found


@functools.lru_cache(maxsize=64)
def _thresholds(false_alarms: float, window_days: int) -> tuple[np.ndarray, np.ndarray]:
    shares = np.geomspace(FEWEST_DAYS, 1, NUM_STEPS)
    return np.log(shares), np.array([threshold(false_alarms, window_days, share) for share in shares])
