"""Which slices have more wrong rows than chance explains, corrected for how many slices were looked at.

If right and wrong have nothing to do with the slices, every way to spread the wrong rows over all rows is as likely. So the
wrong rows of a slice of n are hypergeometric, which gives each slice an exact one-sided p-value; and spreading them at random
many times shows how small the smallest of all these p-values gets by chance, whatever rows the slices share. That is the
step-down minP procedure of Westfall & Young (1993), "Resampling-Based Multiple Testing", algorithm 2.8: the chance to call any
slice weak where none is, is at most the level.

N rows, S slices, B draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAME = 1 + 1e-9  # p-values that differ by rounding alone are the same


def corrected_p(
    correct_N: np.ndarray, groupings: Sequence[np.ndarray], num_slices: int, *, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """One-sided p-values that a slice has no more wrong rows than the rest, as they are and corrected: float64 [S] each.

    `groupings` are int64 [N] each: the number of the slice that a row is in, -1 for none; a slice is in one of them. The
    smallest corrected p-value is 1 / (draws + 1).
    """
    num_rows, wrong = len(correct_N), np.flatnonzero(~correct_N)
    if not num_slices:
        return np.empty(0), np.empty(0)
    slices_NC = np.stack([np.where(slices_N < 0, num_slices, slices_N) for slices_N in groupings], axis=1)
    sizes_S = _counted(slices_NC, num_slices)
    tails = [tail(num_rows, len(wrong), size) for size in sizes_S.tolist()]
    starts_S = np.cumsum([0, *map(len, tails[:-1])])
    tails_flat = np.concatenate(tails)
    p_S = tails_flat[starts_S + _counted(slices_NC[wrong], num_slices)]
    order_S = np.argsort(p_S, kind="stable")
    generator = np.random.default_rng(seed)
    reached_S = np.zeros(num_slices, np.int64)
    for _ in range(draws):
        drawn = generator.choice(num_rows, len(wrong), replace=False, shuffle=False)
        drawn_S = tails_flat[starts_S + _counted(slices_NC[drawn], num_slices)][order_S]
        least_S = np.minimum.accumulate(drawn_S[::-1])[::-1]  # of the slices that are no surer than this one
        reached_S += least_S <= p_S[order_S] * _SAME
    corrected_S = np.empty(num_slices)
    corrected_S[order_S] = np.maximum.accumulate((1 + reached_S) / (1 + draws))
    return p_S, corrected_S


def tail(num_rows: int, num_wrong: int, size: int) -> np.ndarray:
    """The chance of at least w wrong rows among `size` drawn of all, for w = 0 ... size: float64 [size + 1]."""
    from scipy.special import gammaln

    def log_choose(n: np.ndarray | int, k: np.ndarray | int) -> np.ndarray:
        return gammaln(np.add(n, 1)) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1)

    wrong = np.arange(size + 1)
    possible = (wrong <= num_wrong) & (size - wrong <= num_rows - num_wrong)
    inside = wrong[possible]
    chances = np.zeros(size + 1)
    chances[possible] = np.exp(
        log_choose(num_wrong, inside) + log_choose(num_rows - num_wrong, size - inside) - log_choose(num_rows, size)
    )
    return np.minimum(np.cumsum(chances[::-1])[::-1], 1.0)


def _counted(slices_MC: np.ndarray, num_slices: int) -> np.ndarray:
    """Rows of each slice: int64 [S]."""
    return np.bincount(slices_MC.ravel(), minlength=num_slices + 1)[:num_slices]
