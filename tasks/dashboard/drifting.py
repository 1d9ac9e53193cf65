"""How far the stream has moved from its reference, week by week, as the detector judges it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from tasks.dashboard.content import DriftedFeature, DriftHistory
from tasks.detect.drift import find_drift
from tasks.monitor.tables import CONFIDENCE, LABEL, LENGTH, UNSEEN
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tasks.detect.settings import DetectConfig
    from tasks.register.profile import Profile

WEEKS = 26
TITLES = {LABEL: said("classes"), CONFIDENCE: said("confidence"), LENGTH: said("length"), UNSEEN: said("unseen words")}
REFERENCES = {"training": said("the model's training data"), "stream": said("the stream's own first weeks")}


def make_history(
    histograms: pa.Table, reference: Profile | None, config: DetectConfig, own_days: Sequence[str] | None = None
) -> DriftHistory | None:
    """Judge the stream as it was at the end of each of the last weeks; None if it cannot be judged now.

    `histograms` has the schema HISTOGRAMS_SCHEMA of tasks.monitor, `reference` is the profile of the model's training data,
    `own_days` the days that the model alone has scored (None: all).
    """
    if histograms.num_rows == 0:
        return None
    last, first = (datetime.date.fromisoformat(pick(histograms.column("day")).as_py()) for pick in (pc.max, pc.min))
    days = [last - datetime.timedelta(weeks=back) for back in reversed(range(WEEKS))]
    days = [day for day in days if day >= first]
    if own_days:
        first = max(first, datetime.date.fromisoformat(min(own_days)))
    histograms = _needed(histograms, first, days[0], config)
    judged = [
        {drift.feature: drift for drift in find_drift(_until(histograms, day), reference, config, own_days)} for day in days
    ]
    if not judged[-1]:
        return None
    features = [
        DriftedFeature(
            title=TITLES[now.feature],
            value=now.value,
            threshold=now.threshold,
            drifted=now.drifted,
            ratios=tuple(
                then[now.feature].value / then[now.feature].threshold if now.feature in then else np.nan for then in judged
            ),
        )
        for now in judged[-1].values()
    ]
    against = {REFERENCES[drift.reference] for drift in judged[-1].values()}
    return DriftHistory([day.isoformat() for day in days], tuple(features), joined(" and ", sorted(against)), config.drift_days)


def _needed(histograms: pa.Table, first: datetime.date, since: datetime.date, config: DetectConfig) -> pa.Table:
    """The days that may be judged, and the stream's first days, which may be their reference."""
    start = (since - datetime.timedelta(config.drift_days)).isoformat()
    end = (first + datetime.timedelta(config.drift_reference_days)).isoformat()
    day = histograms.column("day")
    return histograms.filter(pc.or_(pc.greater(day, start), pc.less(day, end)))


def _until(histograms: pa.Table, day: datetime.date) -> pa.Table:
    return histograms.filter(pc.less_equal(histograms.column("day"), day.isoformat()))
