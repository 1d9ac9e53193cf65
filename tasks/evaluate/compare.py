"""Paired comparison of two classifiers on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z_95 = 1.959963984540054  # two-sided 95% of the standard normal


@dataclass(frozen=True)
class Comparison:
    """Accuracy of a minus accuracy of b on the same rows, its 95% interval, and the mid-p of McNemar's test.

    `only_a` and `only_b` count the rows that one of them alone has right.
    """

    difference: float
    lower_95: float
    upper_95: float
    only_a: int
    only_b: int
    mid_p: float


def compare(correct_a: np.ndarray, correct_b: np.ndarray) -> Comparison:
    """Compare which rows a and b have right: bool [N] each, same rows in the same order, N at least 1."""
    if correct_a.shape != correct_b.shape or correct_a.ndim != 1 or not len(correct_a):
        raise ValueError(f"cannot pair rows of shapes {correct_a.shape} and {correct_b.shape}")
    num_rows = len(correct_a)
    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    lower, upper = score_interval(only_a, only_b, num_rows)
    return Comparison((only_a - only_b) / num_rows, lower, upper, only_a, only_b, mid_p(only_a, only_b))


def mid_p(only_a: int, only_b: int) -> float:
    """The two-sided mid-p value of McNemar's test.

    Fagerland, Lydersen & Laake (2013), "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better
    than exact conditional", BMC Medical Research Methodology 13:91. No discordant rows, or as many on each side, give 1.
    """
    from scipy.special import bdtr

    num_discordant, smaller = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    logs = math.lgamma(num_discordant + 1) - math.lgamma(smaller + 1) - math.lgamma(num_discordant - smaller + 1)
    exactly = math.exp(logs - num_discordant * math.log(2))
    return min(1.0, 2 * float(bdtr(smaller, num_discordant, 0.5)) - exactly)


def wilson_interval(share: float, num: float, z: float = Z_95) -> list[float]:
    """The 95% score interval for a proportion that was `share` of `num` rows; it has a width at 0 and 1 too.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22:209-212.
    """
    center = (share + z * z / (2 * num)) / (1 + z * z / num)
    half = z * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num)) / (1 + z * z / num)
    return [max(0.0, center - half) if share > 0 else 0.0, min(1.0, center + half) if share < 1 else 1.0]


def score_interval(only_a: int, only_b: int, num_rows: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval for a difference of paired proportions.

    Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17:891-908. It was made for tests of non-inferiority, and keeps its coverage with few
    rows and with no discordant row at all, where the Wald interval has no width.
    """
    observed = (only_a - only_b) / num_rows
    return (
        _where_score_is(z, -1.0, observed, only_a, only_b, num_rows),
        _where_score_is(-z, observed, 1.0, only_a, only_b, num_rows),
    )


def _where_score_is(z: float, low: float, high: float, only_a: int, only_b: int, num_rows: int) -> float:
    """The difference in [low, high] whose score is z; the score falls as the difference grows."""
    for _ in range(60):  # halves an interval of 2 to below the spacing of floats
        middle = (low + high) / 2
        if _score(middle, only_a, only_b, num_rows) > z:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(difference: float, only_a: int, only_b: int, num_rows: int) -> float:
    """Tango's score statistic for the hypothesis that accuracy a minus accuracy b is `difference`."""
    surplus = only_a - only_b - num_rows * difference
    linear = (2 * num_rows - only_a + only_b) * difference - only_a - only_b
    constant = -only_b * difference * (1 - difference)
    likeliest_b = (math.sqrt(max(0.0, linear * linear - 8 * num_rows * constant)) - linear) / (4 * num_rows)
    variance = num_rows * (2 * likeliest_b + difference * (1 - difference))
    if variance <= 0:
        return math.copysign(math.inf, surplus) if surplus else 0.0
    return surplus / math.sqrt(variance)
