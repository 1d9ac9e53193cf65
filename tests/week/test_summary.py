"""A week of a monitor against the week before: what changed, what was raised, what is new, what was refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tasks.config import RefreshConfig
from tasks.detect.settings import DetectConfig
from tasks.detect.stories import follow_stories
from tasks.monitor.alert import Alert
from tasks.monitor.known import acknowledge, mute
from tasks.monitor.state import MonitorState, watch_name
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.notify.digest import packed
from tasks.notify.message import as_json, body, title
from tasks.notify.settings import NotifyConfig
from tasks.store.digests import canonical
from tasks.today.kept import CHANGE, STANDING
from tasks.week.span import Span, span_due
from tasks.week.summary import changed_series, day_of, summarize, summary_due
from tests.dashboard.test_in_chinese import CHANGED, EXPECTED
from tests.dashboard.test_page import HOSTILE, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = date(2019, 1, 1)
WEEK = Span(date(2019, 1, 14))  # from the 8th on; the days of `document` count from 1 January 2019
NOW = datetime(2019, 1, 15, 8, tzinfo=UTC).timestamp()
BAD = {"label": "negative", "negative": 0.9}


def about(name: str, **columns: Any) -> dict[str, Any]:
    return {"names": [name], **columns}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MonitorState]:
    """Two weeks: Corvane turns bad, Ostby stays as it is, Selcombe is new, and one story comes from three sources."""
    rows = [document(day, number) for day in range(14) for number in range(3)]
    rows += [document(day, 10, text=f"Corvane {day}", **about("Corvane", **(BAD if day >= 7 else {}))) for day in range(14)]
    rows += [document(day, 11, text=f"Ostby {day}", **about("Ostby")) for day in range(0, 14, 2)]
    rows += [document(12, 12, text="Selcombe is sued", **about("Selcombe", **BAD))]
    wave = "Harbour company Tarnfield warns of a heavy loss after the flood of last night"
    rows += [document(9, 20 + number, text=wave.upper() if number else wave, source=f"feed {number}") for number in range(3)]
    rows += [document(11, 30, text=HOSTILE[4], fields=[("link", "https://news.example/a?b=1")], **BAD)]
    with MonitorState.open(tmp_path, "desk") as opened:
        with opened.refresh(labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
            follow_stories(opened, DetectConfig())
        yield opened


def surge(state: MonitorState, series: str, end: str, created: float = NOW, severity: Any = "high") -> Alert:
    start = date.fromordinal(date.fromisoformat(end).toordinal() - 6).isoformat()
    made = Alert.make(state.name, kind="surge", series=series, severity=severity, window=(start, end), created=created)
    state.store_alerts([made], cooldown_days=0)
    return made


def summed_up(state: MonitorState, root: Path, span: Span = WEEK, **settings: Any) -> Alert:
    return summarize(state, span, DetectConfig(**settings), root, NOW)


def test_what_changed_most_comes_first_and_what_is_new_by_itself(state: MonitorState, tmp_path: Path) -> None:
    found = summed_up(state, tmp_path)
    week = found.evidence["week"]
    assert [each["series"] for each in week["series"][:1]] == ["name:Corvane"]
    assert week["series"][0] | {"deviate": 0} == {
        "series": "name:Corvane", "count": 7, "negative_share": 0.9, "baseline_count": 7, "baseline": 0.2, "deviate": 0
    }  # fmt: skip
    assert (
        week["series"][0]["deviate"]
        > 2
        > abs(next(each["deviate"] for each in week["series"] if each["series"] == "name:Ostby"))
    )
    assert week["new"] == [{"series": "name:Selcombe", "count": 1, "negative_share": 0.9}]
    assert (found.figures["count"], found.figures["baseline_count"]) == (7 * 3 + 7 + 3 + 1 + 3 + 1, 7 * 3 + 7 + 4)
    told = body(found)
    assert "- (!) Corvane: 90% negative (7), before 20% (7)" in told
    assert "- Selcombe: 90% negative (1)" in told


def test_a_story_is_told_once_with_its_copies_and_then_the_worst_news(state: MonitorState, tmp_path: Path) -> None:
    told = body(summed_up(state, tmp_path))
    assert told.lower().count("heavy loss after the flood") == 1
    assert "in 3 copies from 3 sources, first seen 2019-01-10 09:20" in told
    assert "  https://news.example/a?b=1" in told
    by_story = summed_up(state, tmp_path, count="stories")
    assert by_story.figures["count"] < summed_up(state, tmp_path).figures["count"]
    assert f"{by_story.figures['count']} stories" in body(by_story)


def test_an_older_story_that_goes_on_is_not_new(state: MonitorState, tmp_path: Path) -> None:
    assert "heavy loss" not in body(summed_up(state, tmp_path, Span(date(2019, 1, 14), 3))).lower()


def test_alerts_stand_with_what_people_have_said_of_them(state: MonitorState, tmp_path: Path) -> None:
    seen = surge(state, "all", "2019-01-12")
    mute(state, "name:Corvane", "2999-01-01", by="bob", note="results <b>", now=NOW - 60)
    surge(state, "name:Corvane", "2019-01-13", severity="low", created=NOW - 30)
    surge(
        state, "name:Ostby", "2019-01-06", created=datetime(2019, 3, 1, tzinfo=UTC).timestamp()
    )  # of the week before, found late
    acknowledge(state, seen.id, by="ann", now=NOW)
    with MonitorState.open(tmp_path, watch_name("desk")) as watchdog:
        surge(watchdog, "sources of desk", "2019-01-14")
    moment = Span(date(2019, 1, 15), 8)
    week = summed_up(state, tmp_path, moment).evidence["week"]
    assert {name: week["alerts"][name] for name in ("raised", "high", "muted", "acknowledged")} == {
        "raised": 3, "high": 2, "muted": 1, "acknowledged": 1
    }  # fmt: skip
    told = body(summed_up(state, tmp_path, moment))
    assert "Alerts: 3 raised, 2 of them high, 1 muted, 1 acknowledged" in told
    assert re.search(r"- \[high\] more negative news .* \(acknowledged 2019-01-15 by ann\)", told)
    assert "- muted until 2999-01-01 by bob: Corvane (results \u2039b\u203a)" in told


def test_an_alert_belongs_to_one_week_alone(state: MonitorState) -> None:
    monday = datetime(2019, 1, 21, 0, 5, tzinfo=UTC).timestamp()
    weeks = [Span(date(2019, 1, 13)), Span(date(2019, 1, 20)), Span(date(2019, 1, 27))]
    for end, created, where in (("2019-01-20", monday, 2), ("2019-01-12", monday, 2), ("2018-12-01", monday, None)):
        day = day_of(surge(state, f"name:{end}", end, created), 14, weeks[0])
        assert [number for number, week in enumerate(weeks) if week.has(day)] == ([] if where is None else [where])


def test_how_good_the_model_is_and_what_changed_stand_in_the_week_that_they_are_about(
    state: MonitorState, tmp_path: Path
) -> None:
    state.keep_setting(STANDING, canonical(EXPECTED | {"window_end": "2019-01-15"}))
    state.keep_setting(CHANGE, canonical(CHANGED | {"window_end": "2019-01-15", "made_of": "x"}))
    found = summed_up(state, tmp_path)
    assert "expected accuracy 81.0%" in body(found)
    assert "停产" in body(found)
    assert "停产整改" not in found.payload()  # a text that `forget` would not find there
    assert "expected accuracy" not in body(summed_up(state, tmp_path, Span(date(2018, 12, 31))))


def test_what_was_refused_is_told_by_reason(state: MonitorState, tmp_path: Path) -> None:
    (refresh,) = state.refreshes()
    with state.writing():
        state.db.execute("UPDATE refreshes SET started = ?", (datetime(2019, 1, 9, tzinfo=UTC).timestamp(),))
        for number, reason in enumerate(["no_text", "no_text", "incomplete_date"]):
            state.db.execute("INSERT INTO quarantine VALUES (?, 'a', 0, ?, x'00', ?)", (bytes([number]), reason, refresh["id"]))
    assert "- 3 documents: 2 no_text, 1 incomplete_date" in body(summed_up(state, tmp_path))


def test_a_week_of_silence_says_so(state: MonitorState, tmp_path: Path) -> None:
    found = summed_up(state, tmp_path, Span(date(2019, 6, 30)))
    assert body(found).startswith("No document of 2019-06-24 to 2019-06-30. The newest is of 2019-01-14.")


def test_what_comes_from_outside_is_inert_for_people_and_programs(state: MonitorState, tmp_path: Path) -> None:
    bad = [
        document(13, 40 + place, text=text, names=[text[:60]], source=text[:40], **BAD) for place, text in enumerate(HOSTILE)
    ]
    with state.refresh(labels=["negative", "positive"]) as transaction:
        transaction.add(pa.RecordBatch.from_pylist(bad, SCORED_SCHEMA))
    found = summed_up(state, tmp_path)
    assert not re.search("[<>\u202e\u2028\x1b]|javascript:\\w+\\(", body(found) + title(found))
    assert not re.search("[\u202e\u2028\x1b]", as_json(found))


def test_the_same_days_have_one_id_and_other_days_another(state: MonitorState, tmp_path: Path) -> None:
    ids = {summed_up(state, tmp_path, Span(date(2019, 1, end), days)).id for end in (13, 14) for days in (7, 14, 7)}
    assert len(ids) == 4


def test_a_summary_is_no_part_of_a_digest_of_the_past(state: MonitorState, tmp_path: Path) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    found = summarize(state, WEEK, DetectConfig(), tmp_path, old)
    state.store_alerts([found, *(surge(state, f"name:{number}", "2019-01-12", old) for number in range(3))], cooldown_days=0)
    for alert in state.alerts():
        state.also_to(alert.id, ["team"])
    parcels = packed(state.outbox(["team"], old + 1), 14)
    assert sorted(parcel.alert.kind for parcel in parcels) == ["digest", "summary"]


def test_it_is_told_in_chinese_as_a_whole(state: MonitorState, tmp_path: Path) -> None:
    acknowledge(state, surge(state, "name:Corvane", "2019-01-12").id, by="甲", now=NOW)
    mute(state, "name:Ostby", "2999-01-01", by="乙", now=NOW - 60)
    state.keep_setting(STANDING, canonical(EXPECTED | {"window_end": "2019-01-15", "model": "模型/2"}))
    state.keep_setting(CHANGE, canonical(CHANGED | {"window_end": "2019-01-15", "made_of": "x"}))
    found = summed_up(state, tmp_path, Span(date(2019, 1, 15), 8)).linked("https://desk.example/n.html", "zh")
    told = f"{title(found)}\n{body(found)}"
    own = r"desk|Corvane|Ostby|Selcombe|Harbour company.*flood of last night|\d\d? is sued|https?://\S+|F1|bold|press|href=.*?|"
    left = [line for line in told.splitlines() if re.search("[A-Za-z]{2,}", re.sub(rf"{own}{found.id}", "", line))]
    assert [line for line in left if not line.startswith("- ")] == []
    assert "2019年1月15日" in told
    assert "已确认" in told
    plain = json.loads(as_json(found))
    assert plain["evidence"]["week"]["alerts"]["listed"][0]["message"].startswith("acknowledged 2019-01-15")
    assert '"pattern"' not in as_json(found)


@pytest.mark.parametrize(
    ("now", "hour", "zone", "end"),
    [
        ("2026-11-30T07:00:00+00:00", 7, "UTC", "2026-11-29"),  # a Monday
        ("2026-11-30T06:59:00+00:00", 7, "UTC", "2026-11-22"),
        ("2026-12-05T23:00:00+00:00", 7, "UTC", "2026-11-29"),
        ("2026-11-29T23:30:00+00:00", 7, "Asia/Shanghai", "2026-11-29"),  # half past seven on Monday there
        ("2026-11-29T22:30:00+00:00", 7, "Asia/Shanghai", "2026-11-22"),
        ("2026-03-30T00:30:00+00:00", 1, "Europe/London", "2026-03-29"),  # the clocks went forward on Sunday
    ],
)
def test_a_week_is_over_when_the_clock_of_the_desk_says_so(now: str, hour: int, zone: str, end: str) -> None:
    config = NotifyConfig(digest="monday", digest_hour=hour)
    span = span_due(config, datetime.fromisoformat(now).timestamp(), zone)
    assert span is not None
    assert (span.end.isoformat(), span.days) == (end, 7)
    assert span_due(NotifyConfig(), datetime.fromisoformat(now).timestamp(), zone) is None


def test_a_refresh_sums_up_a_week_once_and_none_from_before_its_time(state: MonitorState, tmp_path: Path) -> None:
    config = RefreshConfig.model_validate({"notify": {"digest": "tuesday"}, "runtime": {"data_root": tmp_path}})
    tuesday = datetime(2019, 1, 15, 8, tzinfo=UTC).timestamp()
    assert summary_due(state, config, tuesday) is None  # the monitor was begun after that week
    with state.writing():
        state.db.execute("UPDATE refreshes SET started = ?", (datetime(2019, 1, 3, tzinfo=UTC).timestamp(),))
    found = summary_due(state, config, tuesday)
    assert found is not None
    assert (found.window_start, found.window_end) == ("2019-01-08", "2019-01-14")
    state.store_alerts([found], cooldown_days=0)
    assert summary_due(state, config, tuesday + 3600) is None
    late = summary_due(state, config, tuesday + 30 * 86_400)
    assert late is not None
    assert late.window_end == "2019-02-11"


def test_the_surest_change_is_that_of_many_documents() -> None:
    now = {"name:few": (2, 1.0), "name:many": (40, 0.9), "all": (100, 0.5), "name:new": (3, 0.1)}
    found = changed_series(now, {"name:few": (2, 0.5), "name:many": (40, 0.3), "all": (90, 0.4)})
    assert [each["series"] for each in found] == ["name:many", "name:few"]
    assert changed_series({}, {}) == []
