"""Find the days on which a series has become more negative than its own past explains.

Each day's window (its last `window_days` days) is compared with the `baseline_days` before the window. The figure is the mean
probability of the negative label, which says more than the share of documents that are labelled so: it moves with documents
that come near the border too.

Test. The variance of a window's sum is estimated from the baseline, twice. Its days' own sums give one that is exact where days
are independent. Its windows, one ending on each of its days, give one that holds whatever the days' noise is, correlated from
day to day or with a weekly season, but from a seventh of the evidence (Künsch 1989, "The jackknife and the bootstrap for
general stationary observations"; it is the Bartlett estimate of Newey and West 1987). The logarithm of their ratio is shrunk
towards zero by the positive-part rule of James and Stein (1961): the part that chance explains is dropped, a real correlation
stays. Variances grow with the number of documents (quasi-likelihood, Wedderburn 1974), and where the baseline expects few
negative documents they are drawn towards the binomial variance.

Past surges are left out of the baseline, or they would hide the next one (as in Noufaily et al. 2013, "An improved algorithm
for outbreak detection in multiple surveillance systems"): all days are judged once with them, and again without the windows
that were certain surges then, which chance makes so seldom that their absence does not narrow the baseline. A level that lasts
is not left out for ever: the first judgement gets used to it.

Mean and variance give an effective number of documents (Korn and Graubard 1998, "Confidence intervals for proportions with
small expected number of positive counts"), and that a binomial tail in its continuous, mid-p form, so that shares near zero
keep their skew. The tail becomes a normal deviate through Student's distribution, because the variance is an estimate: with 1.5
degrees of freedom for each window that fits the baseline (Kiefer and Vogelsang 2005), with one for each day where days are
taken to be independent, and in between in between.

Threshold. Of two windows one day apart all days but one are the same, so their deviates are correlated by 1 - 1/W. A series
without a surge then crosses the threshold h upwards on a share 2 T(h, 1/sqrt(2W - 1)) of its days, T being Owen's function.
The thresholds solve that for the wanted number of false alarms in 1,000 series-days. Correlation between days and the silence
after an alarm only lower the number.

Shapes: S series, D days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from scipy.special import ndtri, stdtr

from tasks.detect.judged import SHARED, Judged, threshold
from tasks.detect.small import LEFT_OUT, Small, has_few, in_windows
from tasks.detect.tails import SMALLEST_TAIL, binomial_tail, trailing, trailing_before
from tasks.monitor.tables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from tasks.detect.settings import DetectConfig
    from tasks.monitor.alert import Severity

BLOCK_CELLS = 1_000_000  # series-days judged at a time: bounds memory to some 100 MB
PRIOR_NEGATIVES = 5.0  # expected negative documents that the binomial variance is worth beside the one seen
FREEDOM = 1.5  # degrees of freedom of the variance for each window that fits the baseline
# What chance brings to one window in twenty, or in four, is no surge, however seldom a small series could raise an alarm.
LEAST: dict[str, float] = {"high": 1.645, "low": 0.674}


@dataclass(frozen=True)
class Surge:
    """A window with more negative news than its series' past explains.

    `count` documents are in the window from `window_start` to `window_end` (both counted). `negative_share` is their mean
    probability of being negative, `baseline` that of the days before; `deviate` is the test's normal deviate, and
    `baseline_count` the documents of these days.
    """

    series: str
    severity: Severity
    window_start: date
    window_end: date
    count: int
    negative_share: float
    baseline: float
    deviate: float
    baseline_count: int = 0

    @property
    def num_days(self) -> int:
        """Days of the window."""
        return (self.window_end - self.window_start).days + 1


def find_surges(counts: pa.Table, config: DetectConfig) -> list[Surge]:
    """Judge every day of every series by the days up to it, and return the alarms in order of day, series and severity.

    `counts` has the columns of `COUNTS_SCHEMA`, in any order of rows. An alarm is a day above the threshold after
    `cooldown_days` without one. A day above the threshold of `high` does not raise a `low` alarm too. A day without documents
    never alarms. Series of a few documents a week are judged by tasks/detect/small.py.
    """
    found: list[Surge] = []
    rates: dict[Severity, float] = {"high": config.false_alarms_high, "low": config.false_alarms_low}
    small = Small.learnt(lambda: blocks(counts), config)
    for names, first, documents_SD, negative_SD in blocks(counts):
        if small is None:
            judged = judge(documents_SD, negative_SD, config)
        else:
            judged = small.replaced(_judge_large(documents_SD, negative_SD, config), documents_SD, negative_SD)
        above = {severity: _above(names, judged, rate, LEAST[severity], config) for severity, rate in rates.items()}
        for severity, above_SD in above.items():
            alarms_SD = above_SD & ~_recently(above_SD, config.cooldown_days)
            if severity == "low":
                alarms_SD &= ~above["high"]
            found.extend(_surges(severity, alarms_SD, names, first, judged, config))
    return sorted(found, key=lambda surge: (surge.window_end, surge.series, surge.severity))


def _above(names: list[str], judged: Judged, rate: float, least: float, config: DetectConfig) -> np.ndarray:
    """Days above the threshold, bool [S, D]; the whole stream, where it is small, is looked at for its subjects too."""
    above_SD = judged.above(rate, config, least)
    if ALL in names and judged.is_small.any():
        row = names.index(ALL)
        shared_SD = judged.above(SHARED * rate, config, least)
        above_SD[row] = np.where(judged.is_small[row], shared_SD[row], above_SD[row])
    return above_SD


def judge(documents_SD: np.ndarray, negative_SD: np.ndarray, config: DetectConfig) -> Judged:
    """Compare each day's window with its baseline, for numbers of documents and sums of their probabilities by day.

    Column d of the result depends on columns up to d alone, bit for bit.
    """
    documents_SD, negative_SD = documents_SD.astype(np.float64), negative_SD.astype(np.float64)
    first = _judge(documents_SD, negative_SD, np.ones_like(documents_SD), config)
    above_SD = np.nan_to_num(first.deviate, nan=-np.inf) > threshold(LEFT_OUT, config.window_days)
    return _judge(documents_SD, negative_SD, 1.0 - in_windows(above_SD, config.window_days), config)


def _judge_large(documents_SD: np.ndarray, negative_SD: np.ndarray, config: DetectConfig) -> Judged:
    """The same of the series that are large on some day; NaN for those that are small on all, which are judged otherwise."""
    (rows,) = np.nonzero(~has_few(documents_SD, config).all(axis=1))
    large = judge(documents_SD[rows], negative_SD[rows], config)
    values = []
    for value in (large.documents, large.share, large.baseline, large.deviate, large.before):
        whole_SD = np.full(documents_SD.shape, np.nan)
        whole_SD[rows] = value
        values.append(whole_SD)
    return Judged(*values)


def _judge(documents_SD: np.ndarray, negative_SD: np.ndarray, ordinary_SD: np.ndarray, config: DetectConfig) -> Judged:
    """Judge every window; only days of which `ordinary_SD` is 1 count in a baseline, the others (0) are left out."""
    window, baseline = config.window_days, config.baseline_days
    in_window, sum_window = trailing(documents_SD, window), trailing(negative_SD, window)
    usual_SD, usual_negative_SD = documents_SD * ordinary_SD, negative_SD * ordinary_SD
    before = trailing_before(usual_SD, baseline, window)
    sum_before = trailing_before(usual_negative_SD, baseline, window)
    active_days = trailing_before((usual_SD > 0).astype(np.float64), baseline, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (sum_before + 0.5) / (before + 1)
        dispersion, freedom = _dispersion(usual_SD, usual_negative_SD, mean, before, active_days, config)
        variance = dispersion * (1 / in_window + 1 / before)
        share = sum_window / in_window
        size = mean * (1 - mean) / variance
        normal = -ndtri(binomial_tail(size * share, size, mean))
        deviate = -ndtri(np.maximum(stdtr(freedom, -normal), SMALLEST_TAIL))
    usable = (documents_SD > 0) & (in_window >= config.min_documents) & (active_days >= config.min_baseline_days)
    return Judged(in_window, share, mean, np.where(usable, deviate, np.nan), before)


def _dispersion(
    documents_SD: np.ndarray,
    negative_SD: np.ndarray,
    mean: np.ndarray,
    before: np.ndarray,
    active_days: np.ndarray,
    config: DetectConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a window's sum per document, and the degrees of freedom it is known with: float64 [S, D]."""
    window = config.window_days
    by_day = _scatter(documents_SD, negative_SD, mean, active_days, 1, config)
    by_window = _scatter(documents_SD, negative_SD, mean, active_days, window, config)
    freedom_of_windows = np.maximum(FREEDOM * active_days / window, 1)
    log_ratio = np.log(by_window / by_day)  # NaN or infinite where nothing scattered: then there is nothing to keep
    kept = np.clip(np.nan_to_num(1 - 2 / freedom_of_windows / log_ratio**2, nan=0.0), 0, 1)
    seen = by_day * np.exp(kept * np.nan_to_num(log_ratio, nan=0.0, posinf=0.0, neginf=0.0))
    prior = PRIOR_NEGATIVES / mean
    dispersion = (seen * before + mean * (1 - mean) * prior) / (before + prior)
    return dispersion, kept * freedom_of_windows + (1 - kept) * np.maximum(active_days, 1)


def _scatter(
    documents_SD: np.ndarray,
    negative_SD: np.ndarray,
    mean: np.ndarray,
    active_days: np.ndarray,
    days: int,
    config: DetectConfig,
) -> np.ndarray:
    """Mean square, per document, of the differences between sums of `days` days within the baseline and the sums by `mean`."""

    def of_baseline(values_SD: np.ndarray) -> np.ndarray:
        return trailing_before(values_SD, config.baseline_days - days + 1, config.window_days)

    sums, sizes = trailing(negative_SD, days), trailing(documents_SD, days)
    squares = of_baseline(sums**2) - 2 * mean * of_baseline(sums * sizes) + mean**2 * of_baseline(sizes**2)
    independent = np.maximum(active_days / days, 1.5)
    bias = independent / (independent - 1)  # the sums' own mean was taken off
    return np.maximum(squares, 0) * bias / np.maximum(of_baseline(sizes), 1)


def _recently(above_SD: np.ndarray, days: int) -> np.ndarray:
    """Whether any of the `days` days before was above."""
    return trailing_before(above_SD.astype(np.int64), days, 1) > 0 if days else np.zeros_like(above_SD)


def blocks(counts: pa.Table) -> Iterator[tuple[list[str], date, np.ndarray, np.ndarray]]:
    """Names of some series, the first day, and their documents and sums of probabilities by day: int64 and float64 [S, D]."""
    if not counts.num_rows:
        return
    names = pc.unique(counts["series"]).sort()
    days_N = counts["day"].combine_chunks().cast("date32").cast("int32").to_numpy(zero_copy_only=False)
    first = int(days_N.min())
    num_days = int(days_N.max()) - first + 1
    rows_N = pc.index_in(counts["series"], value_set=names).to_numpy()
    order_N = np.argsort(rows_N, kind="stable")
    per_block = max(1, BLOCK_CELLS // num_days)
    starts = range(0, len(names), per_block)
    parts = np.split(order_N, np.searchsorted(rows_N[order_N], list(starts)[1:]))
    documents_N, millionths_N = (counts[name].to_numpy() for name in ("documents", "negative_millionths"))
    for start, part in zip(starts, parts, strict=True):
        chosen = names[start : start + per_block].to_pylist()
        cells = (rows_N[part] - start, days_N[part] - first)
        documents_SD = np.zeros((len(chosen), num_days), np.int64)
        millionths_SD = np.zeros_like(documents_SD)
        np.add.at(documents_SD, cells, documents_N[part])
        np.add.at(millionths_SD, cells, millionths_N[part])
        yield chosen, date(1970, 1, 1) + timedelta(days=first), documents_SD, millionths_SD / 1e6


def _surges(
    severity: Severity, alarms_SD: np.ndarray, names: list[str], first: date, judged: Judged, config: DetectConfig
) -> Iterator[Surge]:
    is_small_SD = np.broadcast_to(judged.is_small, alarms_SD.shape)
    for row, day in np.argwhere(alarms_SD):
        end = first + timedelta(days=int(day))
        window_days = config.small_window if is_small_SD[row, day] else config.window_days
        yield Surge(
            series=names[row],
            severity=severity,
            window_start=end - timedelta(days=window_days - 1),
            window_end=end,
            count=int(judged.documents[row, day]),
            negative_share=float(judged.share[row, day]),
            baseline=float(judged.baseline[row, day]),
            deviate=float(judged.deviate[row, day]),
            baseline_count=int(judged.before[row, day]),
        )
