"""Series of a few documents a week: what is promised, what is found, and what is learnt from all of them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.detect.judged import small_threshold, threshold
from tasks.detect.settings import DetectConfig
from tasks.detect.small import Past, Pool, PoolSums, Small, has_few
from tasks.detect.surges import find_surges, judge
from tasks.detect.tails import delayed, trailing, trailing_before
from tests.detect.test_surges import FIRST, counts, day

if TYPE_CHECKING:
    from tasks.detect.judged import Judged

CONFIG = DetectConfig()
DAYS = 420


def companies(number: int, a_week: float, *, seed: int = 1, days: int = DAYS) -> tuple[np.ndarray, np.ndarray]:
    """Documents by day and how many are negative, of companies whose levels are a beta distribution of mean 0.1."""
    source = np.random.default_rng(seed)
    level_S = source.beta(2, 18, (number, 1))
    documents_SD = source.poisson(a_week / 7, (number, days))
    return documents_SD, source.binomial(documents_SD, level_S).astype(float)


def judged(documents_SD: np.ndarray, negative_SD: np.ndarray, config: DetectConfig = CONFIG) -> Judged:
    small = Small.learnt(lambda: [([], FIRST, documents_SD, negative_SD)], config)
    assert small is not None
    return small.replaced(judge(documents_SD, negative_SD, config), documents_SD, negative_SD)


def named(documents_SD: np.ndarray, negative_SD: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {f"name:{number:03}": each for number, each in enumerate(zip(documents_SD, negative_SD, strict=True))}


@pytest.mark.parametrize("a_week", [1, 3, 10, 30])
def test_quiet_series_raise_no_more_alarms_than_promised(a_week: int) -> None:
    of_all = judged(*companies(400, a_week, days=260))
    for promised in (CONFIG.false_alarms_high, CONFIG.false_alarms_low):
        above_SD = of_all.above(promised, CONFIG)
        recently_SD = delayed(trailing(above_SD.astype(int), CONFIG.cooldown_days), 1) > 0
        rate = 1000 * (above_SD & ~recently_SD)[:, 150:].mean()
        assert 0.3 * promised < rate < 1.33 * promised


def test_a_bad_month_of_a_company_is_found_that_was_silent_before() -> None:
    documents, negative = companies(40, 3, seed=2)
    month = slice(380, 408)
    documents[7, month] = np.tile([1, 0], 14)
    negative[7, month] = np.tile([1, 0], 14)
    table = counts(named(documents, negative))
    alarms = [
        s for s in find_surges(table, CONFIG) if s.series == "name:007" and s.severity == "high" and s.window_end >= day(380)
    ]
    assert alarms
    assert alarms[0].window_end <= day(390)
    assert alarms[0].num_days == CONFIG.small_window
    assert alarms[0].window_start == alarms[0].window_end - datetime.timedelta(days=13)
    rows = slice((alarms[0].window_start - FIRST).days, (alarms[0].window_end - FIRST).days + 1)
    assert alarms[0].count == documents[7, rows].sum()
    assert alarms[0].baseline_count == documents[7, rows.start - 180 : rows.start].sum()
    assert not find_surges(table, CONFIG.model_copy(update={"small_window_days": 0}))


def test_after_a_long_silence_a_usual_share_is_no_surge() -> None:
    documents, negative = companies(200, 1, seed=3)
    documents[:, 150:340] = negative[:, 150:340] = 0
    alarms = [s for s in find_surges(counts(named(documents, negative)), CONFIG) if s.window_end >= day(340)]
    high = [s for s in alarms if s.severity == "high"]
    assert all(s.negative_share > s.baseline and s.deviate > 1.6 for s in high)
    assert 1000 * len(high) / (200 * (DAYS - 340)) < 1.33 * CONFIG.false_alarms_high


def test_one_bad_document_is_no_surge() -> None:
    documents, negative = companies(30, 3)
    documents[3, 300:], negative[3, 300:] = 0, 0
    documents[3, 400] = negative[3, 400] = 1
    assert not [
        s
        for s in find_surges(counts(named(documents, negative)), CONFIG)
        if s.window_end == day(400) and s.series == "name:003"
    ]


def test_a_company_without_a_past_is_compared_with_the_others() -> None:
    documents, negative = companies(40, 3)
    documents[5, :410], negative[5, :410] = 0, 0
    documents[5, 410:] = negative[5, 410:] = np.tile([1, 0], 5)
    new = judged(documents, negative)
    assert new.baseline[5, 418] == pytest.approx(0.1, abs=0.02)
    assert new.above(CONFIG.false_alarms_high, CONFIG)[5, 418]


def test_levels_of_a_known_distribution_are_learnt() -> None:
    documents, negative = (each.astype(float) for each in companies(600, 5, days=260))
    past = Past.of(documents, negative, CONFIG)
    pool = Pool.learnt(PoolSums.of(past, has_few(documents, CONFIG)))
    assert pool.mean[-1] == pytest.approx(0.1, abs=0.01)
    assert pool.strength[-1] == pytest.approx(20, rel=0.35)
    assert pool.scatter[-1] == pytest.approx(1, abs=0.1)


def test_later_days_change_nothing_and_the_order_of_series_does_not_matter() -> None:
    documents, negative = companies(30, 4)
    negative[11, 300:310] = documents[11, 300:310]
    whole = find_surges(counts(named(documents, negative)), CONFIG)
    part = find_surges(counts(named(documents[:, :350], negative[:, :350])), CONFIG)
    assert whole
    assert part == [surge for surge in whole if surge.window_end < day(350)]
    turned = dict(reversed(named(documents, negative).items()))
    assert find_surges(counts(turned), CONFIG) == whole


def test_many_series_are_judged_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    table = counts(named(*companies(30, 4)))
    whole = find_surges(table, CONFIG)
    monkeypatch.setattr("tasks.detect.surges.BLOCK_CELLS", 3000)
    assert find_surges(table, CONFIG) == whole


def test_the_threshold_of_a_series_with_documents_every_day_is_that_of_large_ones() -> None:
    assert small_threshold(3.0, 14, np.array([1.0, 0.5, 0.1])).tolist() == pytest.approx(
        [threshold(3.0, 14), threshold(3.0, 14, 0.5), threshold(3.0, 14, 0.1)], abs=0.005
    )
    assert threshold(3.0, 14, 0.1) < threshold(3.0, 14, 0.5) < threshold(3.0, 14)


def test_a_short_baseline_shortens_the_window() -> None:
    assert DetectConfig(baseline_days=29, window_days=3).small_window == 14
    assert DetectConfig(baseline_days=14).small_window == 7
    assert DetectConfig(small_window_days=0).small_window == 0


@pytest.mark.parametrize("num_days", [1, 3, 4, 9, 10, 40])
def test_sums_of_before_are_delayed_sums(num_days: int) -> None:
    values_SD = np.random.default_rng(3).random((2, num_days))
    np.testing.assert_array_equal(trailing_before(values_SD, 6, 4), delayed(trailing(values_SD, 6), 4))
