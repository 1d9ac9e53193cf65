"""Which names' news has changed most: the latest days against those before, for thousands of names in arrays.

Shapes: S series of names, T days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dashboard.curves import MILLION, by_day, window_share
from tasks.monitor.changes import deviates
from tasks.monitor.tables import ALL, NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE_DAYS = 91  # of the little line beside a name
LINE_WIDTH, LINE_HEIGHT = 120, 24


@dataclass(frozen=True)
class ChangedName:
    """A name with the mean probability of the negative label towards it, in the window and in the days before it.

    `deviate` is the difference in standard errors, none smaller than those of as many labels that are drawn with that
    probability; `line` are the points of an SVG polyline of LINE_WIDTH by LINE_HEIGHT, empty of fewer than two days.
    """

    name: str
    documents: int
    documents_before: int
    now: float
    before: float
    deviate: float
    line: str

    @property
    def change(self) -> float:
        """By how much the probability has risen."""
        return self.now - self.before


def changed_names(counts: pa.Table, *, window: int, baseline: int, most: int) -> list[ChangedName]:
    """The `most` names whose news of the last `window` days differ most from the `baseline` days before, by their deviate.

    Names without a document on either side are left out. `counts` has the schema COUNTS_SCHEMA of tasks.monitor.
    """
    named = counts.filter(pc.starts_with(counts.column("series"), NAME))
    whole = counts.filter(pc.equal(counts.column("series"), ALL))
    if not most or not named.num_rows or not whole.num_rows:
        return []
    last = date.fromisoformat(max(whole.column("day").to_pylist()))
    num_days = max(window + baseline, LINE_DAYS + window)
    series = sorted(set(named.column("series").to_pylist()))
    days = named.column("day").to_numpy(zero_copy_only=False).astype("datetime64[D]")
    documents_ST, mass_ST = by_day(named, days, series, np.datetime64(last - timedelta(days=num_days - 1)), num_days)
    mass_ST = mass_ST / MILLION
    (n_S, now_S), (n0_S, before_S) = (
        (documents_ST[:, span].sum(axis=1), mass_ST[:, span].sum(axis=1))
        for span in (slice(num_days - window, None), slice(num_days - window - baseline, num_days - window))
    )
    (rows,) = np.nonzero((n_S > 0) & (n0_S > 0))
    deviate_S = np.zeros(len(series))
    deviate_S[rows] = deviates(n_S[rows], now_S[rows], n0_S[rows], before_S[rows])
    now_S, before_S = now_S / np.maximum(n_S, 1), before_S / np.maximum(n0_S, 1)
    order = rows[np.argsort(-np.abs(deviate_S[rows]), kind="stable")][:most]
    return [
        ChangedName(
            series[row].removeprefix(NAME),
            int(n_S[row]),
            int(n0_S[row]),
            float(now_S[row]),
            float(before_S[row]),
            float(deviate_S[row]),
            _line(window_share(documents_ST[row], mass_ST[row], window)[-LINE_DAYS:]),
        )
        for row in order.tolist()
    ]


def _line(share_T: np.ndarray) -> str:
    """The days that have a share as points, from left to right, 0 at the bottom and 1 at the top."""
    (days,) = np.nonzero(np.isfinite(share_T))
    if len(days) < 2:
        return ""
    x = days * LINE_WIDTH / (len(share_T) - 1)
    y = LINE_HEIGHT - share_T[days] * LINE_HEIGHT
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def series_of(changed: Sequence[ChangedName]) -> list[str]:
    """The series of these names."""
    return [f"{NAME}{each.name}" for each in changed]
