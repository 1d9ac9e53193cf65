"""Surges: the test, its edges, and what no stream of days may change."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from tasks.detect.judged import threshold
from tasks.detect.settings import DetectConfig
from tasks.detect.surges import Surge, find_surges, judge
from tasks.monitor.tables import COUNTS_SCHEMA
from tests.examples import examples

FIRST = datetime.date(2020, 1, 1)
CONFIG = DetectConfig()
SHORT = DetectConfig(
    window_days=3,
    baseline_days=14,
    min_documents=5,
    min_baseline_days=7,
    cooldown_days=2,
    false_alarms_high=20,
    false_alarms_low=60,
)


def counts(series: dict[str, tuple[Any, Any]], first: datetime.date = FIRST) -> pa.Table:
    """A table of counts from numbers of documents and sums of probabilities by day; days without documents have no row."""
    rows = [
        {
            "series": name,
            "day": (first + datetime.timedelta(days=day)).isoformat(),
            "documents": int(number),
            "negative": round(float(total)),
            "negative_millionths": round(float(total) * 1e6),
        }
        for name, (documents, negative) in series.items()
        for day, (number, total) in enumerate(zip(documents, negative, strict=True))
        if number
    ]
    return pa.Table.from_pylist(rows, schema=COUNTS_SCHEMA)


def day(number: int) -> datetime.date:
    return FIRST + datetime.timedelta(days=number)


def steady(days: int, *, documents: int = 50, share: float = 0.1, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    number = source.poisson(documents, days)
    return number, source.binomial(number, share).astype(float)


@pytest.mark.parametrize("window", [1, 3, 7, 30])
@pytest.mark.parametrize("rate", [0.5, 5.0])
def test_the_threshold_is_crossed_as_often_as_stated(window: int, rate: float) -> None:
    limit = threshold(rate, window)
    together = multivariate_normal.cdf([limit, limit], cov=[[1, 1 - 1 / window], [1 - 1 / window, 1 + 1e-12]])
    below = multivariate_normal.cdf([limit], cov=[[1]])
    assert 1000 * (below - together) == pytest.approx(rate, rel=0.02)


def test_a_rate_that_no_threshold_above_zero_can_exceed_gives_zero() -> None:
    assert threshold(100.0, 7) == 0.0


@pytest.mark.parametrize("noise", ["binomial", "probabilities", "bunches", "season and correlation"])
def test_series_without_a_surge_raise_about_as_many_alarms_as_stated(noise: str) -> None:
    source = np.random.default_rng(3)
    documents_SD = source.poisson(40, (200, 450))
    rate = np.full((200, 450), 0.1)
    if noise == "bunches":
        rate *= source.gamma(10, 0.1, rate.shape)
    if noise == "season and correlation":
        season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(450) / 7)
        walk = np.zeros_like(rate)
        shocks = source.normal(0, 0.15, rate.shape)
        for each in range(1, 450):
            walk[:, each] = 0.6 * walk[:, each - 1] + shocks[:, each]
        rate *= season * np.exp(walk)
    negative_SD = source.binomial(documents_SD, np.minimum(rate, 1)).astype(float)
    if noise == "probabilities":
        negative_SD = source.gamma(0.3 * documents_SD + 1e-9) * (0.1 / 0.3)
    deviate_SD = judge(documents_SD, negative_SD, CONFIG).deviate
    usable = np.isfinite(deviate_SD[:, 1:])
    for rate_wanted in (CONFIG.false_alarms_high, CONFIG.false_alarms_low):
        above = deviate_SD > threshold(rate_wanted, CONFIG.window_days)
        crossings = (above[:, 1:] & ~above[:, :-1] & usable).sum()
        assert 0.5 * rate_wanted < 1000 * crossings / usable.sum() < 1.5 * rate_wanted


def test_a_planted_surge_is_found_and_dated() -> None:
    documents, negative = steady(300, seed=2)
    negative[250:260] += 8
    found = [surge for surge in find_surges(counts({"all": (documents, negative)}), CONFIG) if surge.severity == "high"]
    (surge,) = [surge for surge in found if day(250) <= surge.window_end < day(262)]
    assert surge.window_end <= day(255)
    assert surge.window_start == surge.window_end - datetime.timedelta(days=6)
    rows = slice((surge.window_start - FIRST).days, (surge.window_end - FIRST).days + 1)
    assert surge.count == documents[rows].sum()
    assert surge.negative_share == pytest.approx(negative[rows].sum() / documents[rows].sum())
    before = slice(rows.start - 180, rows.start)
    # Close, not equal: days that stood out by chance are left out of a baseline.
    assert surge.baseline == pytest.approx(negative[before].sum() / documents[before].sum(), rel=0.01)


def test_a_past_surge_does_not_hide_the_next_one() -> None:
    documents, negative = steady(300, seed=2)
    negative[280:287] += 3
    calm = judge(documents[None], negative[None], CONFIG).deviate[0, 286]
    negative[200:210] += 25
    judged = judge(documents[None], negative[None], CONFIG)
    assert judged.deviate[0, 286] > calm - 0.3
    assert judged.baseline[0, 286] == pytest.approx(0.1, abs=0.01)


def test_a_level_that_lasts_is_got_used_to() -> None:
    documents, negative = steady(700, seed=2)
    negative[250:] += 8
    judged = judge(documents[None], negative[None], CONFIG)
    assert judged.deviate[0, 253:256].max() > threshold(CONFIG.false_alarms_high, CONFIG.window_days)
    assert abs(judged.deviate[0, 500:].mean()) < 0.5
    assert judged.baseline[0, -1] == pytest.approx(0.26, abs=0.02)


def test_fewer_negative_documents_are_no_surge() -> None:
    documents, negative = steady(300, share=0.3)
    negative[200:] = 0
    assert not [s for s in find_surges(counts({"all": (documents, negative)}), CONFIG) if s.window_end >= day(200)]


def test_a_lasting_surge_is_told_once_and_again_only_after_quiet_days() -> None:
    documents = np.full(400, 50)
    source = np.random.default_rng(5)
    negative = source.binomial(50, 0.1, 400).astype(float)
    negative[250:265] = 25
    negative[300:315] = 30
    ends = [s.window_end for s in find_surges(counts({"all": (documents, negative)}), CONFIG) if s.severity == "high"]
    ends = [end for end in ends if end >= day(250)]
    assert len(ends) == 2
    assert day(250) <= ends[0] < day(256)
    assert day(300) <= ends[1] < day(306)


def test_a_day_above_the_high_threshold_is_not_told_as_low_too() -> None:
    documents, negative = steady(300)
    negative[260] += 45
    found = [(s.severity, s.window_end) for s in find_surges(counts({"all": (documents, negative)}), CONFIG)]
    assert ("high", day(260)) in found
    assert not [end for severity, end in found if severity == "low" and day(260) <= end < day(270)]


def test_too_little_to_compare_raises_nothing() -> None:
    documents, negative = np.full(300, 50), np.full(300, 5.0)
    negative[40:47] = 50
    assert not find_surges(counts({"young": (documents[:47], negative[:47])}), CONFIG)
    few = np.ones(300, int)
    shares = np.zeros(300)
    shares[250:260] = 1
    assert not find_surges(counts({"few": (few, shares)}), CONFIG.model_copy(update={"small_window_days": 0}))
    assert not find_surges(counts({}), CONFIG)


def test_one_document_days_are_judged_by_their_number() -> None:
    config = CONFIG.model_copy(update={"min_documents": 5})
    number, shares = np.ones(300, int), np.tile([0.02, 0.05, 0.01, 0.3], 75)
    shares[250:257] = 0.97
    found = find_surges(counts({"name:x": (number, shares)}), config)
    assert [s for s in found if s.severity == "high" and day(250) <= s.window_end <= day(256)]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_of_nothing_and_of_everything_have_a_finite_deviate(share: float) -> None:
    documents = np.full((1, 300), 50)
    judged = judge(documents, documents * share, CONFIG)
    tested = judged.deviate[0, 250:]
    assert np.isfinite(tested).all()
    assert (tested < threshold(CONFIG.false_alarms_low, 7)).all()
    assert not find_surges(counts({"all": (documents[0], documents[0] * share)}), CONFIG)


def test_the_first_negative_documents_after_none_are_a_surge_only_if_many() -> None:
    documents, negative = np.full(300, 10), np.zeros(300)
    negative[250] = 1
    assert not [s for s in find_surges(counts({"all": (documents, negative)}), CONFIG) if s.severity == "high"]
    negative[250:254] = 5
    assert [s for s in find_surges(counts({"all": (documents, negative)}), CONFIG) if s.severity == "high"]


def test_days_without_documents_never_alarm_and_do_not_break_the_rest() -> None:
    documents, negative = steady(400)
    documents[::7] = 0
    negative[::7] = 0
    negative[300:310] += np.where(documents[300:310] > 0, 10, 0)
    found = find_surges(counts({"all": (documents, negative)}), CONFIG)
    assert [s for s in found if s.severity == "high" and day(300) <= s.window_end < day(310)]
    assert not [s for s in found if documents[(s.window_end - FIRST).days] == 0]


def test_a_half_counted_last_day_is_weighed_by_what_it_holds() -> None:
    documents, negative = steady(300, documents=200)
    documents[-1], negative[-1] = 3, 3.0
    assert not [s for s in find_surges(counts({"all": (documents, negative)}), CONFIG) if s.window_end == day(299)]


streams = st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), min_size=25, max_size=60)


def made(stream: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    documents = np.array([number for number, _ in stream])
    return documents, documents * np.array([share for _, share in stream])


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(streams, streams)
def test_later_days_change_no_earlier_alarm(past: list[tuple[int, float]], future: list[tuple[int, float]]) -> None:
    documents, negative = made(past)
    more_documents, more_negative = (np.concatenate(pair) for pair in zip((documents, negative), made(future), strict=True))
    before = find_surges(counts({"all": (documents, negative)}), SHORT)
    after = find_surges(counts({"all": (more_documents, more_negative)}), SHORT)
    assert before == [surge for surge in after if surge.window_end < day(len(past))]


@examples(40, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from("abcdef"), streams, min_size=1, max_size=4), st.integers(0, 2**32))
def test_neither_other_series_nor_the_order_of_rows_matters(series: dict[str, list[tuple[int, float]]], seed: int) -> None:
    table = counts({name: made(stream) for name, stream in series.items()})
    shuffled = table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))
    short = SHORT.model_copy(update={"small_window_days": 0})  # small series are compared with one another
    together = find_surges(shuffled, short)
    alone: list[Surge] = []
    for name, stream in series.items():
        alone += find_surges(counts({name: made(stream)}), short)
    assert together == sorted(alone, key=lambda s: (s.window_end, s.series, s.severity))


@examples(30, suppress_health_check=[HealthCheck.too_slow])
@given(streams, st.integers(1, 4000))
def test_the_calendar_does_not_matter(stream: list[tuple[int, float]], shift: int) -> None:
    moved = datetime.timedelta(days=shift)
    here = find_surges(counts({"all": made(stream)}), SHORT)
    there = find_surges(counts({"all": made(stream)}, FIRST + moved), SHORT)
    assert [(s.window_end + moved, s.severity, s.deviate) for s in here] == [
        (s.window_end, s.severity, s.deviate) for s in there
    ]


def test_many_series_are_judged_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    table = counts({f"name:{number}": steady(120, seed=number) for number in range(7)})
    whole = find_surges(table, SHORT)
    assert whole
    monkeypatch.setattr("tasks.detect.surges.BLOCK_CELLS", 250)
    assert find_surges(table, SHORT) == whole
