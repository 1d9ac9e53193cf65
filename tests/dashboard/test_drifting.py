"""Drift over time: each week is judged as the detector would have judged it then."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tasks.dashboard.drifting import WEEKS, make_history
from tasks.detect.drift import find_drift
from tasks.detect.settings import DetectConfig
from tasks.monitor.tables import HISTOGRAMS_SCHEMA

START = datetime.date(2020, 1, 1)


def stream(num_days: int, changes_on: int, per_day: int = 100) -> pa.Table:
    """Confidence that moves from bin 15 to bin 5 on one day; lengths that stay."""
    rng = np.random.default_rng(1)
    rows = []
    for day in range(num_days):
        when = (START + datetime.timedelta(day)).isoformat()
        counts = np.bincount(rng.binomial(19, 0.8 if day < changes_on else 0.3, per_day), minlength=20)
        rows += [("confidence", when, place, int(count)) for place, count in enumerate(counts) if count]
        rows += [("length", when, 3, per_day // 2), ("length", when, 4, per_day - per_day // 2)]
    return pa.Table.from_pylist(
        [dict(zip(HISTOGRAMS_SCHEMA.names, row, strict=True)) for row in rows], schema=HISTOGRAMS_SCHEMA
    )


def test_a_change_shows_from_its_week_on_and_only_in_its_feature() -> None:
    history = make_history(stream(300, changes_on=260), None, DetectConfig())
    assert history is not None
    assert len(history.days) == WEEKS
    assert history.days[-1] == (START + datetime.timedelta(299)).isoformat()
    confidence, length = history.features
    assert (confidence.title, confidence.drifted, length.drifted) == ("confidence", True, False)
    over = [ratio > 1 for ratio in confidence.ratios]
    assert over == [day >= (START + datetime.timedelta(262)).isoformat() for day in history.days]
    assert max(length.ratios) < 1
    assert history.reference == "the stream's own first weeks"


@pytest.mark.parametrize("num_days", [90, 300, 800])
def test_the_last_point_is_what_the_detector_says_now(num_days: int) -> None:
    histograms, config = stream(num_days, changes_on=num_days - 10), DetectConfig()
    history = make_history(histograms, None, config)
    assert history is not None
    now = {drift.feature: (drift.value, drift.threshold, drift.drifted) for drift in find_drift(histograms, None, config)}
    assert {row.title: (row.value, row.threshold, row.drifted) for row in history.features} == now


def test_days_of_another_model_version_are_left_out() -> None:
    histograms, config = stream(300, changes_on=260), DetectConfig()
    days = [(START + datetime.timedelta(day)).isoformat() for day in range(260, 300)]
    history = make_history(histograms, None, config, days)
    assert history is not None
    assert not any(row.drifted for row in history.features)  # it has seen no other stream than this
    assert all(np.isnan(row.ratios[:-2]).all() for row in history.features)  # nor has it scored the weeks before
    whole = make_history(histograms, None, config, days + [(START + datetime.timedelta(day)).isoformat() for day in range(260)])
    assert whole == make_history(histograms, None, config)


def test_too_few_documents_have_no_history() -> None:
    assert make_history(HISTOGRAMS_SCHEMA.empty_table(), None, DetectConfig()) is None
    assert make_history(stream(20, changes_on=99), None, DetectConfig()) is None
