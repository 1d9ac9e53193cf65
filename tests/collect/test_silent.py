"""A source that gives nothing but refused records is told of, by the refresh and by the watchdog."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.collect.settings import CollectConfig
from tasks.config import RefreshConfig
from tasks.monitor.state import MonitorState

Collect = Callable


def silent_of(tmp_path: Path) -> list[dict]:
    with MonitorState.read(tmp_path / "root", "news") as state:
        return json.loads(state.setting("refused_sources") or "[]")


def test_a_file_whose_times_cannot_be_read_is_told_of_each_time(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    news = tmp_path / "news.csv"
    news.write_text("time,text\n2 hours ago,One\nyesterday,Two\n")
    for unchanged in (0, 1):
        found = collect(news)
        assert found.report["unchanged"] == unchanged
        (silent,) = found.report["refused_sources"]
        assert (silent["source"], silent["records"], silent["reasons"]) == ("news.csv", 2, {"unreadable_time": 2})
        (warning,) = found.report["warnings"]
        assert warning.startswith("news.csv: nothing counts of its 2 records (2 unreadable_time")
        assert "--collect.time" in warning
        assert [silent["source"] for silent in silent_of(tmp_path)] == ["news.csv"]
    news.write_text("time,text\n2020-07-18,One\nyesterday,Two\n")
    assert collect(news).report["refused_sources"] == []
    assert silent_of(tmp_path) == []


def test_a_source_that_fell_silent_is_told_of_beside_others_that_go_on(collect: Collect, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "good.csv").write_text("time,text\n2020-07-18,One\n")
    (inbox / "feed.jsonl").write_text('{"time": "2020-07-18", "text": "Two"}\n')
    (inbox / "notes.docx").write_text("no table")
    assert collect(inbox).report["refused_sources"] == []
    (inbox / "feed.jsonl").write_text('{"time": "Jul-18", "text": "Three"}\n{"time": "Jul-18", "text": ""}\n')
    found = collect(inbox)
    assert [silent["source"] for silent in found.report["refused_sources"]] == ["feed.jsonl"]
    assert "2 records" in found.report["warnings"][0]


def test_duplicates_and_other_days_are_no_silence(collect: Collect, tmp_path: Path) -> None:
    from datetime import date

    news = tmp_path / "news.csv"
    news.write_text("time,text\n2020-07-18,One\nyesterday,Two\n")
    assert collect(news, since=date(2020, 8, 1)).report["refused_sources"] == []
    collect(news)
    assert collect(news).report["refused_sources"] == []


def test_many_silent_sources_are_a_few_lines(collect: Collect, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.csv").write_text("time,text\nnow,One\n")
    found = collect(tmp_path / "*.csv")
    assert len(found.report["refused_sources"]) == 9
    assert len(found.report["warnings"]) == 6
    assert found.report["warnings"][-1].startswith("4 more sources")


def test_the_watchdog_tells_of_a_refresh_that_counted_nothing(collect: Collect, tmp_path: Path) -> None:
    from flows.watch import silent_sources

    config = RefreshConfig(collect=CollectConfig(source="x", name="news"), runtime={"data_root": tmp_path / "root"})
    assert silent_sources(config, 1.6e9) == []
    news = tmp_path / "news.csv"
    news.write_text("time,text\n43905,One\n43906,Two\n")
    collect(news)
    (alert,) = silent_sources(config, 1.6e9)
    assert (alert.kind, alert.severity) == ("watchdog", "high")
    assert "news.csv: nothing counts of its 2 records (2 ambiguous_time, such as '43905')" in alert.evidence["message"]
    news.write_text("time,text\n2020-03-15,One\n")
    collect(news)
    assert silent_sources(config, 1.6e9) == []
    other = RefreshConfig(collect=CollectConfig(source="x", name="absent"), runtime={"data_root": tmp_path / "root"})
    assert silent_sources(other, 1.6e9) == []
