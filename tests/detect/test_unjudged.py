"""A series that can never raise an alarm is named, with what it lacks."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from tasks.detect.settings import DetectConfig
from tasks.detect.unjudged import find_unjudged, unjudged_in_words
from tasks.monitor.tables import COUNTS_SCHEMA

CONFIG = DetectConfig(window_days=7, baseline_days=60, min_documents=20, min_baseline_days=30, small_window_days=0)
FIRST = datetime.date(2022, 1, 1)


def counts(series: dict[str, dict[int, int]]) -> pa.Table:
    """From documents by day, counted from the first."""
    rows = [
        {
            "series": name,
            "day": (FIRST + datetime.timedelta(days=day)).isoformat(),
            "documents": number,
            "negative": 0,
            "negative_millionths": 0,
        }
        for name, days in series.items()
        for day, number in days.items()
    ]
    return pa.Table.from_pylist(rows, COUNTS_SCHEMA)


DAYS = 120
EVERY_DAY = dict.fromkeys(range(DAYS), 5)


def test_names_with_too_few_documents_are_named_and_others_are_not() -> None:
    made = {
        "all": EVERY_DAY,
        "name:贵州茅台": {day: 1 + (day == 99) for day in range(0, DAYS, 3)},
        "name:Tesco": EVERY_DAY,
        "name:seldom": {110: 2},
        "name:gone": dict.fromkeys(range(40), 5),
    }
    found = {each.series: each for each in find_unjudged(counts(made), CONFIG)}
    assert list(found) == ["name:贵州茅台", "name:seldom", "name:gone"]
    assert found["name:贵州茅台"].reason == "3 to 4 of 20 documents"
    assert found["name:seldom"].reason == "2 of 20 documents"
    assert found["name:gone"].reason == "0 of 20 documents"
    assert unjudged_in_words(find_unjudged(counts(made), CONFIG), 5, CONFIG) == (
        "3 of 5 series are not judged: 0 to 4 of 20 documents in their busiest 7 days (贵州茅台 3 to 4 of 20 documents, "
        "seldom 2 of 20 documents, gone 0 of 20 documents); lower --detect.min-documents or widen --detect.window-days"
    )


def test_days_before_may_lack_too() -> None:
    young = {"all": EVERY_DAY, "topic:desk/news": dict.fromkeys(range(DAYS - 25, DAYS), 9)}
    (found,) = find_unjudged(counts(young), CONFIG)
    assert found.reason == "18 of 30 days with documents before"
    assert "(topic news of model desk 18 of 30 days with documents before)" in unjudged_in_words([found], 2, CONFIG)


def test_of_a_young_stream_one_thing_is_said() -> None:
    found = find_unjudged(counts({"name:x": {3: 1}, "all": dict.fromkeys(range(12), 9)}), CONFIG)
    assert [each.series for each in found] == ["all", "name:x"]
    assert (
        unjudged_in_words(found, 2, CONFIG)
        == "no series is judged yet: the whole stream has 5 of 30 days with documents before"
    )


def test_nothing_is_said_where_all_is_judged_or_nothing_was_scored() -> None:
    assert find_unjudged(counts({"all": EVERY_DAY}), CONFIG) == []
    assert find_unjudged(counts({}), CONFIG) == []
    assert unjudged_in_words([], 0, CONFIG) == ""


@pytest.mark.parametrize("lowered", [{"min_documents": 4}, {"window_days": 30, "baseline_days": 60}])
def test_the_remedy_that_is_named_helps(lowered: dict[str, int]) -> None:
    made = counts({"all": EVERY_DAY, "name:a": {day: 2 for day in range(DAYS) if day % 3}})
    assert find_unjudged(made, CONFIG)
    assert not find_unjudged(made, CONFIG.model_copy(update=lowered))


def test_series_of_a_few_documents_a_week_are_judged_where_a_window_of_theirs_holds_two() -> None:
    config = CONFIG.model_copy(update={"small_window_days": 14})
    made = {
        "all": EVERY_DAY,
        "name:weekly": dict.fromkeys(range(0, DAYS, 7), 1),
        "name:seldom": dict.fromkeys(range(0, DAYS, 40), 1),
        "name:once": {110: 1},
    }
    found = find_unjudged(counts(made), config)
    assert [(each.series, each.reason) for each in found] == [
        ("name:once", "1 of 2 documents"),
        ("name:seldom", "1 of 2 documents"),
    ]
    assert unjudged_in_words(found, 4, config) == (
        "2 of 4 series are not judged: 1 of 2 documents in their busiest 14 days (once 1 of 2 documents, seldom 1 of 2 "
        "documents); widen --detect.small-window-days"
    )
    young = {"all": dict.fromkeys(range(20), 3), "name:x": dict.fromkeys(range(20), 1)}
    assert unjudged_in_words(find_unjudged(counts(young), config), 2, config) == (
        "no series is judged yet: the whole stream has 6 of 30 days before"
    )


def test_a_name_whose_documents_came_too_early_is_not_said_to_lack_days() -> None:
    config = CONFIG.model_copy(update={"small_window_days": 14, "baseline_days": 180})
    (found,) = find_unjudged(counts({"all": EVERY_DAY, "name:early": {20: 1, 21: 1, 100: 1}}), config)
    assert found.reason == "never 2 documents after 30 days"
