"""Judge series of a few documents a week: most companies, and a stream of a few headlines a day.

A week of such a series says little, and so does its past. Its window is longer (`small_window_days`), and what its past cannot
tell is borrowed from all small series of the monitor, learnt on each day from the days before.

* Level. The probability that a document of a series is negative is one draw of a beta distribution, whose mean and variance
  follow from all series by the method of moments (Kleinman 1973, "Proportions with extraneous variance: single and independent
  samples"). A series' level is then the posterior mean, and the number of its negative documents beta-binomial (Tarone 1982,
  "The use of historical control information in testing for a trend in proportions"): a company without a past is compared with
  what is usual among companies, one with a long past with itself.
* Scatter. Probabilities are not labels, and documents come in bunches. By how much the sums of days and of windows scatter more
  or less than independent labels is taken from all small series together; as for large ones (tasks/detect/surges.py), the
  excess of windows over days is shrunk by the rule of James and Stein.
* Test. Mean and variance give an effective number of documents, and that the tail of a binomial in its continuous, mid-p form;
  what the sums are skewed more than that, as all small series show, is taken off (Cornish and Fisher 1938, "Moments and
  cumulants in the specification of distributions").

Threshold. A series without a document today cannot raise an alarm today. With documents on a share r of the days, and m = r L
of these days in a window of L days, windows that end on two such days in a row share all but one of m days. A threshold h is
then crossed upwards on 2 r T(h, 1/sqrt(2m - 1)) of all days, T being Owen's function; h solves that for the accepted number of
false alarms. So the less often a series has a chance to raise a false alarm, the lower is its threshold, within bounds. r is
the share of the baseline or of the window before, whichever is larger: a series that was silent may have begun to speak.

Shapes: S series, D days.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from scipy.special import ndtri, stdtr

from tasks.detect.judged import Judged, small_threshold
from tasks.detect.tails import SMALLEST_TAIL, binomial_tail, delayed, trailing, trailing_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from tasks.detect.settings import DetectConfig

    Block = tuple[list[str], date, np.ndarray, np.ndarray]  # names, the first day, documents and sums of probabilities [S, D]

FREEDOM = 1.5  # degrees of freedom of the variance for each window that fits the baseline
PRIOR_NEGATIVES = 20.0  # expected negative documents that the scatter of all series is worth beside a series' own
MIN_FOR_SKEW = 10  # documents of a series from which its skewness is learnt
MIN_POOL = 5  # series from which a level may be learnt
MIN_IN_WINDOW = 2  # documents: one is no surge
MAX_STRENGTH = 10_000.0  # documents that the level of all series may be worth
LEFT_OUT = 0.5  # false alarms in 1,000 days from which a surge is certain enough to leave its days out of later baselines
DIGITS = 9  # of what is learnt from all series, so that the order of the sums does not matter


@dataclass(frozen=True)
class Past:
    """What the baselines of some series add up to, [S, D]; of their documents and the sums of their probabilities.

    `scatter` are sums of squares of the days' and the windows' sums about the series' own mean, `worth` the documents that each
    of these is worth, `windows` the independent windows; `cubes` are the sums of cubes of the days' sums.
    """

    documents: np.ndarray
    negative: np.ndarray
    active: np.ndarray
    day_scatter: np.ndarray
    day_worth: np.ndarray
    window_scatter: np.ndarray
    window_worth: np.ndarray
    windows: np.ndarray
    cubes: np.ndarray

    @classmethod
    def of(cls, documents_SD: np.ndarray, negative_SD: np.ndarray, config: DetectConfig) -> Self:
        """The sums over the `baseline_days` before each day's window."""
        window, baseline = config.small_window, config.baseline_days

        def before(values_SD: np.ndarray, days: int = 1) -> np.ndarray:
            return trailing_before(values_SD, baseline - days + 1, window)

        number, negative = before(documents_SD), before(negative_SD)
        mean = negative / np.maximum(number, 1)
        found = []
        for days in (1, window):
            sums, sizes = trailing(negative_SD, days), trailing(documents_SD, days)
            held, squares = before(sizes, days), before(sizes**2, days)
            scatter = before(sums**2, days) - 2 * mean * before(sums * sizes, days) + mean**2 * squares
            found.append((np.maximum(scatter, 0), np.maximum(held - squares / np.maximum(number, 1), 0)))
        one, other = negative_SD, documents_SD
        cubes = (
            before(one * one * one)  # numpy's power of 3 took 33 times as long
            - 3 * mean * before(one * one * other)
            + 3 * mean * mean * before(one * other * other)
            - mean * mean * mean * before(other * other * other)
        )
        windows = np.maximum(number * held / np.maximum(squares, 1) - 1, 0)
        active = before((documents_SD > 0).astype(np.float64))
        (by_day, worth_of_days), (by_window, worth_of_windows) = found
        return cls(number, negative, active, by_day, worth_of_days, by_window, worth_of_windows, windows, cubes)


@dataclass(frozen=True)
class PoolSums:
    """Sums over all small series by day, [D], from which a `Pool` is learnt; they can be added."""

    series: np.ndarray
    documents: np.ndarray
    negative: np.ndarray
    squared_documents: np.ndarray
    squared_negative: np.ndarray
    active: np.ndarray
    day_scatter: np.ndarray
    day_expected: np.ndarray
    window_scatter: np.ndarray
    window_expected: np.ndarray
    windows: np.ndarray
    cubes: np.ndarray
    cubes_expected: np.ndarray

    @classmethod
    def of(cls, past: Past, is_small_SD: np.ndarray) -> Self:
        """The sums over those series, on each day, that are small and have a past."""
        chosen = is_small_SD & (past.documents > 0)
        number = np.maximum(past.documents, 1)
        mean = past.negative / number
        variance = mean * (1 - mean) * number / np.maximum(number - 1, 1)
        has_skew = past.documents >= MIN_FOR_SKEW
        values = (
            np.ones_like(number),
            past.documents,
            past.negative,
            past.documents**2,
            past.negative * mean,
            past.active,
            past.day_scatter,
            past.day_worth * variance,
            past.window_scatter,
            past.window_worth * variance,
            past.windows,
            np.where(has_skew, past.cubes, 0),
            np.where(has_skew, (number - 1) * (number - 2) / number * mean * (1 - mean) * (1 - 2 * mean), 0),
        )
        return cls(*((value * chosen).sum(axis=0) for value in values))

    def __add__(self, other: PoolSums) -> PoolSums:
        return PoolSums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Pool:
    """What all small series of a monitor tell about one, by day [D].

    `mean` is the level of a document's probability and `strength` the documents that it is worth; `scatter` is the variance of
    a sum against that of independent labels, `excess` how much more windows scatter than days; `freedom` belongs to these;
    `skew` is the third moment of a sum against that of independent labels.
    """

    mean: np.ndarray
    strength: np.ndarray
    scatter: np.ndarray
    excess: np.ndarray
    freedom: np.ndarray
    documents: np.ndarray
    skew: np.ndarray

    @classmethod
    def learnt(cls, sums: PoolSums) -> Self:
        """By the method of moments."""
        number = np.maximum(sums.documents, 1)
        mean = (sums.negative + 0.5) / (sums.documents + 1)
        by_day = (sums.day_scatter + 1) / (sums.day_expected + 1)
        by_window = (sums.window_scatter + 1) / (sums.window_expected + 1)
        freedom = np.maximum(FREEDOM * sums.windows, 1)
        log_ratio = np.log(by_window / by_day)
        with np.errstate(divide="ignore"):
            kept = np.clip(1 - 2 / freedom / log_ratio**2, 0, 1)
        excess = np.exp(np.where(kept > 0, kept * log_ratio, 0))
        scatter = by_day * excess
        between = sums.squared_negative - sums.negative**2 / number
        within = scatter * (sums.series - 1)
        room = np.maximum(sums.documents - sums.squared_documents / number - within, 1e-9)
        variance = np.maximum(between - mean * (1 - mean) * within, 0) / room
        with np.errstate(divide="ignore"):
            strength = np.clip(scatter * np.maximum(mean * (1 - mean) - variance, 0) / variance, 1, MAX_STRENGTH)
        strength = np.where((sums.series >= MIN_POOL) & (variance >= 0), strength, 1)
        freedom = kept * freedom + (1 - kept) * np.maximum(sums.active, 1)
        skew = np.maximum(sums.cubes + 0.1, 0) / np.maximum(sums.cubes_expected + 0.1, 0.1)
        values = (mean, strength, scatter, excess, freedom, sums.documents, skew)
        return cls(*(np.array([float(f"{value:.{DIGITS}g}") for value in each]) for each in values))


Learnt = TypeVar("Learnt", Past, Pool)


def has_few(documents_SD: np.ndarray, config: DetectConfig) -> np.ndarray:
    """Whether a series has, on each day, too few documents for a window of `window_days`: less than twice `min_documents`."""
    if not config.small_window:
        return np.zeros(documents_SD.shape, bool)
    before_SD = trailing_before(documents_SD, config.baseline_days, config.window_days)
    days_D = np.clip(np.arange(documents_SD.shape[1]) - config.window_days + 1, 1, config.baseline_days)
    is_small: np.ndarray = before_SD * config.window_days < 2 * config.min_documents * days_D
    return is_small


def _judge(documents_SD: np.ndarray, negative_SD: np.ndarray, past: Past, pool: Pool, config: DetectConfig) -> Judged:
    """Every day of some series by what they and all small series were before."""
    window = config.small_window
    in_window, sum_window = trailing(documents_SD, window), trailing(negative_SD, window)
    mean = (past.negative + pool.strength * pool.mean) / (past.documents + pool.strength)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = sum_window / in_window
    days_D = np.arange(documents_SD.shape[1]) - window + 1
    usable = (documents_SD > 0) & (in_window >= MIN_IN_WINDOW) & (days_D >= config.min_baseline_days)
    usable &= pool.documents >= config.min_documents
    found = np.full(usable.shape, np.nan)
    found[usable] = _deviates(_chosen(past, usable), _chosen(pool, usable), share[usable], in_window[usable], mean[usable])
    share_of_days = np.maximum(
        (past.active + 1) / (np.clip(days_D, 1, config.baseline_days) + 1), _lately(documents_SD, past, window)
    )
    return Judged(in_window, share, mean, found, past.documents, np.ones(found.shape, bool), share_of_days)


def _chosen(values: Learnt, usable_SD: np.ndarray) -> Learnt:
    """The values at the N places, series and day, where `usable_SD` is true: most companies have few such days."""
    shape = usable_SD.shape
    return type(values)(*(np.broadcast_to(getattr(values, each.name), shape)[usable_SD] for each in fields(values)))


def _deviates(past: Past, pool: Pool, share: np.ndarray, in_window: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """How surprising each share is, as a deviate of the standard normal distribution; all arrays are [N]."""
    expected = mean * (1 - mean)
    prior = PRIOR_NEGATIVES / mean
    scatter = (past.day_scatter * pool.excess + pool.scatter * expected * prior) / (past.day_worth + prior)
    variance = scatter * (1 / in_window + 1 / (past.documents + pool.strength))
    with np.errstate(divide="ignore", invalid="ignore"):
        size = expected / variance
        skew = expected * pool.skew / in_window**2 / (variance / pool.excess) ** 1.5 - 1 / np.sqrt(size * expected)
        normal = straightened(-ndtri(binomial_tail(size * share, size, mean)), (1 - 2 * mean) * skew)
        found: np.ndarray = -ndtri(np.maximum(stdtr(pool.freedom, -normal), SMALLEST_TAIL))
    return found


def _lately(documents_SD: np.ndarray, past: Past, window: int) -> np.ndarray:
    """Share of the days with documents in the window before, or where the baseline has none in this one, today apart."""
    in_window = trailing((documents_SD > 0).astype(np.float64), window)
    return np.where(past.active > 0, delayed(in_window, window) / window, (in_window - 1) / (window - 1))


def straightened(deviate: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Deviates of a variable with some skewness more than was reckoned with, by the expansion of Cornish and Fisher (1938)."""
    more = np.maximum(skew, 1e-6) / 6
    found: np.ndarray = (np.sqrt(np.maximum(1 + 4 * more * (deviate + more), 0)) - 1) / (2 * more)
    return np.where(deviate > 1, found, deviate)


@dataclass(frozen=True)
class Small:
    """How small series are judged: by what was learnt with all days, and then without those of certain surges."""

    first: Pool
    pool: Pool
    config: DetectConfig

    @classmethod
    def learnt(cls, blocks: Callable[[], Iterable[Block]], config: DetectConfig) -> Self | None:
        """Learn from all series, which are read several times; None where no series is small."""
        first = _pool(blocks(), None, config)
        second = first and _pool(blocks(), first, config)
        return cls(first, second, config) if first and second else None

    def replaced(self, judged: Judged, documents_SD: np.ndarray, negative_SD: np.ndarray) -> Judged:
        """The same with the small series judged as such, on the days on which they are small."""
        is_small_SD = has_few(documents_SD, self.config)
        (rows,) = np.nonzero(is_small_SD.any(axis=1))
        if not len(rows):
            return judged
        documents, negative = documents_SD[rows].astype(np.float64), negative_SD[rows].astype(np.float64)
        ordinary = _ordinary(documents, negative, is_small_SD[rows], self.first, self.config)
        past = Past.of(documents * ordinary, negative * ordinary, self.config)
        small = _judge(documents, negative, past, self.pool, self.config)
        chosen = is_small_SD[rows]
        whole = replace(judged, is_small=np.zeros(is_small_SD.shape, bool), share_of_days=np.ones(is_small_SD.shape))
        values = []
        for each in fields(Judged):
            value = np.array(getattr(whole, each.name))
            value[rows] = np.where(chosen, getattr(small, each.name), value[rows])
            values.append(value)
        return Judged(*values)


def _pool(blocks: Iterable[Block], before: Pool | None, config: DetectConfig) -> Pool | None:
    """What all small series tell, without the days that were certain surges by `before`."""
    sums: PoolSums | None = None
    for _, _, documents_SD, negative_SD in blocks:
        is_small_SD = has_few(documents_SD, config)
        (rows,) = np.nonzero(is_small_SD.any(axis=1))
        if not len(rows):
            continue
        documents, negative = documents_SD[rows].astype(np.float64), negative_SD[rows].astype(np.float64)
        if before is not None:
            ordinary = _ordinary(documents, negative, is_small_SD[rows], before, config)
            documents, negative = documents * ordinary, negative * ordinary
        own = PoolSums.of(Past.of(documents, negative, config), is_small_SD[rows])
        sums = own if sums is None else sums + own
    return None if sums is None else Pool.learnt(sums)


def _ordinary(
    documents_SD: np.ndarray, negative_SD: np.ndarray, is_small_SD: np.ndarray, pool: Pool, config: DetectConfig
) -> np.ndarray:
    """0 for the days of certain surges, 1 for all others: float64 [S, D]."""
    judged = _judge(documents_SD, negative_SD, Past.of(documents_SD, negative_SD, config), pool, config)
    limit_SD = small_threshold(LEFT_OUT, config.small_window, judged.share_of_days)
    above_SD = is_small_SD & (np.nan_to_num(judged.deviate, nan=-np.inf) > limit_SD)
    return 1.0 - in_windows(above_SD, config.small_window)


def in_windows(above_SD: np.ndarray, days: int) -> np.ndarray:
    """1 for each day of the windows that are above: the day itself and the `days` - 1 before it; else 0."""
    return (trailing(above_SD[:, ::-1].astype(np.int64), days)[:, ::-1] > 0).astype(np.float64)
