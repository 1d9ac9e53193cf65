"""The curves against plain loops over small random streams."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dashboard.curves import MAX_POINTS, make_curves, past_band, window_share
from tasks.monitor.tables import COUNTS_SCHEMA

START = datetime.date(2020, 1, 1)


def counts(series: dict[str, list[tuple[int, float]]]) -> pa.Table:
    """A table of {name: [(documents, mean probability), ...] by day}; a day without documents has no row."""
    rows = [
        (name, (START + datetime.timedelta(day)).isoformat(), documents, 0, round(documents * share * 1e6))
        for name, days in series.items()
        for day, (documents, share) in enumerate(days)
        if documents
    ]
    return pa.Table.from_pylist([dict(zip(COUNTS_SCHEMA.names, row, strict=True)) for row in rows], schema=COUNTS_SCHEMA)


days = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=40)


@given(days.filter(lambda held: held[0][0] and held[-1][0]))
def test_index_is_the_mean_probability_over_the_window(held: Any) -> None:
    axis, (curve,) = make_curves(counts({"all": held}), window=7, baseline=14, max_days=100, max_series=5)
    assert axis is not None
    assert axis.days()[0] == START.isoformat()
    assert curve.documents.tolist() == [documents for documents, _ in held]
    for day in range(len(held)):
        window = held[max(0, day - 6) : day + 1]
        documents = sum(number for number, _ in window)
        expected = sum(number * share for number, share in window) / documents if documents else np.nan
        np.testing.assert_allclose(curve.index[day], expected, atol=1e-9)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=30), st.integers(1, 4), st.integers(2, 9))
def test_the_band_is_the_quantile_of_the_days_before_the_window(values: Any, window: Any, baseline: Any) -> None:
    share_T = np.array([np.nan if value is None else value for value in values])
    lower_T, upper_T = past_band(share_T, window=window, baseline=baseline)
    for day in range(len(values)):
        past = share_T[max(0, day - window - baseline + 1) : max(0, day - window + 1)]
        past = past[np.isfinite(past)]
        if len(past) * 3 >= baseline:
            np.testing.assert_allclose([lower_T[day], upper_T[day]], np.quantile(past, [0.025, 0.975]), atol=1e-12)
        else:
            assert np.isnan([lower_T[day], upper_T[day]]).all()


def test_the_band_never_looks_at_its_own_window_or_ahead() -> None:
    calm = np.full(60, 0.2)
    surge = calm.copy()
    surge[50:] = 0.9
    upper_T = past_band(surge, window=7, baseline=30)[1]
    np.testing.assert_array_equal(upper_T[:57], past_band(calm, window=7, baseline=30)[1][:57])
    assert upper_T[59] > 0.2


def test_many_years_are_drawn_in_steps_that_lose_no_document() -> None:
    rng = np.random.default_rng(0)
    held = [(int(number), 0.5) for number in rng.integers(1, 9, 5 * MAX_POINTS + 3)]
    axis, (curve,) = make_curves(counts({"all": held}), window=7, baseline=30, max_days=10**6, max_series=5)
    assert axis is not None
    assert axis.num <= MAX_POINTS
    assert axis.days()[-1] == (START + datetime.timedelta(len(held) - 1)).isoformat()
    assert curve.documents.sum() == sum(number for number, _ in held)
    np.testing.assert_allclose(curve.mass, curve.documents * 0.5)


def test_old_days_are_left_out_but_still_stand_behind_the_first_that_is_drawn() -> None:
    held = [(4, 0.0)] * 50 + [(4, 1.0)] * 20
    axis, (curve,) = make_curves(counts({"all": held}), window=10, baseline=30, max_days=18, max_series=5)
    assert axis is not None
    assert axis.num == 18
    assert curve.index[0] == pytest.approx(0.3)  # day 52: three of its ten days
    assert np.isfinite(curve.upper[0])


def test_the_whole_stream_comes_first_and_small_series_are_left_out() -> None:
    table = counts({"name:small": [(1, 0.5)], "topic:t/big": [(9, 0.5)], "all": [(10, 0.5)]})
    _, curves = make_curves(table, window=7, baseline=30, max_days=10, max_series=2)
    assert [curve.series for curve in curves] == ["all", "topic:t/big"]


def test_an_empty_stream_has_no_curve() -> None:
    assert make_curves(COUNTS_SCHEMA.empty_table(), window=7, baseline=30, max_days=10, max_series=2) == (None, [])


def test_a_window_without_documents_has_no_share() -> None:
    assert np.isnan(window_share(np.array([0, 0]), np.array([0, 0]), 2)).all()
