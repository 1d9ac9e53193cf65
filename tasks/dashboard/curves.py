"""Daily counts made into curves: the negative index over trailing windows and the band of its own past.

Shapes: S series, T days, P points of the page's axis. The index of a day is the mean probability of the negative label over
the documents of the window that ends on it. Its band is the central 95% of the index on the baseline days before that
window: a description of the past in the index' own units, not the detector's threshold.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitor.tables import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MAX_POINTS = 1_200  # more would be closer together than the pixels of a screen
BAND = (0.025, 0.975)
MILLION = 1_000_000


@dataclass(frozen=True)
class Axis:
    """The days at which curves are drawn: `num` points, `step` days apart, the last one on `last`."""

    last: datetime.date
    step: int
    num: int

    def days(self) -> list[str]:
        """The days of the points, as YYYY-MM-DD."""
        return [(self.last - datetime.timedelta(self.step * back)).isoformat() for back in reversed(range(self.num))]


@dataclass(frozen=True)
class Curve:
    """One series over the axis; documents and mass (their summed probabilities) are those of each point's own step.

    index, lower, upper: shares, NaN where there is nothing to tell. All arrays [P].
    """

    series: str
    documents: np.ndarray
    mass: np.ndarray
    index: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def make_curves(
    counts: pa.Table, *, window: int, baseline: int, max_days: int, max_series: int, chosen: Sequence[str] = ()
) -> tuple[Axis | None, list[Curve]]:
    """Draw the whole stream, then of the others those in `chosen` and those with most documents; (None, []) of no counts.

    `counts` has the schema COUNTS_SCHEMA of tasks.monitor; days without a row count nothing.
    """
    if counts.num_rows == 0:
        return None, []
    day_R = counts.column("day").to_numpy(zero_copy_only=False).astype("datetime64[D]")
    last, first = day_R.max(), day_R.min()
    # Whatever is drawn needs the days behind it too.
    start = max(first, last - np.timedelta64(max_days + baseline + window, "D"))
    names = _largest(counts, max_series, chosen)
    documents_ST, mass_ST = by_day(counts, day_R, names, start, int((last - start).astype(int)) + 1)
    shown = int(min((last - first).astype(int) + 1, max_days))
    step = -(-shown // MAX_POINTS)
    axis = Axis(last.astype(object), step, -(-shown // step))
    return axis, [
        _curve(name, documents_T, mass_T, axis, window=window, baseline=baseline)
        for name, documents_T, mass_T in zip(names, documents_ST, mass_ST, strict=True)
    ]


def window_share(documents_T: np.ndarray, mass_T: np.ndarray, window: int) -> np.ndarray:
    """Mean of a quantity per document over the window that ends on each day: float64 [T], NaN where it holds no document."""
    documents_T, mass_T = _trailing(documents_T, window), _trailing(mass_T, window)
    return np.divide(mass_T, documents_T, out=np.full(len(mass_T), np.nan), where=documents_T > 0)


def past_band(share_T: np.ndarray, *, window: int, baseline: int) -> tuple[np.ndarray, np.ndarray]:
    """The central 95% of the `baseline` values that end before each day's window: float64 [T] twice.

    NaN until a third of the baseline has values, so that a band is not drawn from a handful of days.
    """
    before_T = np.concatenate([np.full(baseline + window - 1, np.nan), share_T])[: len(share_T) + baseline - 1]
    past_TB = np.sort(np.lib.stride_tricks.sliding_window_view(before_T, baseline), axis=1)  # NaN comes last
    num_T = np.isfinite(past_TB).sum(axis=1)
    enough_T = num_T * 3 >= baseline
    lower_T, upper_T = (np.where(enough_T, _quantile(past_TB, num_T, share), np.nan) for share in BAND)
    return lower_T, upper_T


def _quantile(sorted_TB: np.ndarray, num_T: np.ndarray, share: float) -> np.ndarray:
    """The quantile of the first `num_T` values of each row, by linear interpolation; NumPy's own for NaN goes row by row."""
    rows_T = np.arange(len(sorted_TB))
    place_T = share * np.maximum(num_T - 1, 0)
    low_T = place_T.astype(np.int64)
    high_T = np.minimum(low_T + 1, np.maximum(num_T - 1, 0))
    weight_T = place_T - low_T
    return sorted_TB[rows_T, low_T] * (1 - weight_T) + sorted_TB[rows_T, high_T] * weight_T


def _trailing(values_T: np.ndarray, window: int) -> np.ndarray:
    total_T = np.cumsum(values_T)
    total_T[window:] = total_T[window:] - total_T[:-window]
    return total_T


def _largest(counts: pa.Table, max_series: int, chosen: Sequence[str]) -> list[str]:
    totals = counts.group_by("series").aggregate([("documents", "sum")]).to_pylist()
    first = set(chosen[: max_series - 1])
    others = [(row["series"] not in first, -row["documents_sum"], row["series"]) for row in totals if row["series"] != ALL]
    kept = sorted(others)[: max_series - 1]
    return [ALL, *(name for _, _, name in sorted(kept, key=lambda each: each[1:]))]


def by_day(
    counts: pa.Table, day_R: np.ndarray, names: list[str], start: np.datetime64, num_days: int
) -> tuple[np.ndarray, np.ndarray]:
    """Documents and millionths of some series on each of `num_days` days from `start` on: int64 [S, T] both.

    `day_R` are the days of the rows of `counts`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    series_R = pc.index_in(counts.column("series"), value_set=pa.array(names)).fill_null(-1).to_numpy().astype(np.int64)
    offset_R = (day_R - start).astype(np.int64)
    kept_R = (series_R >= 0) & (offset_R >= 0)
    dense = np.zeros((2, len(names), num_days), dtype=np.int64)
    for place, column in enumerate(("documents", "negative_millionths")):
        dense[place, series_R[kept_R], offset_R[kept_R]] = counts.column(column).to_numpy()[kept_R]
    return dense[0], dense[1]


def _curve(name: str, documents_T: np.ndarray, mass_T: np.ndarray, axis: Axis, *, window: int, baseline: int) -> Curve:
    share_T = window_share(documents_T, mass_T, window) / MILLION
    lower_T, upper_T = past_band(share_T, window=window, baseline=baseline)
    ends_P = len(share_T) - 1 - axis.step * np.arange(axis.num - 1, -1, -1)
    sums = [_steps(values_T, axis) for values_T in (documents_T, mass_T)]
    return Curve(name, sums[0], sums[1] / MILLION, share_T[ends_P], lower_T[ends_P], upper_T[ends_P])


def _steps(values_T: np.ndarray, axis: Axis) -> np.ndarray:
    """Sums over the step that ends at each point: [P]."""
    need = axis.step * axis.num
    padded_T = np.concatenate([np.zeros(max(need - len(values_T), 0), dtype=values_T.dtype), values_T])[-need:]
    return padded_T.reshape(axis.num, axis.step).sum(axis=1)
