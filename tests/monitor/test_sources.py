"""A monitor remembers its source: another stream is mixed in only by who says so."""

from pathlib import Path

import pytest

from flows.commands.settings import resolve_refresh
from tasks.collect.settings import CollectConfig
from tasks.errors import RequestError
from tasks.monitor.sources import keep_source, refuse_other_source, source_of
from tasks.monitor.state import MonitorState


def collect(source: str, **more: object) -> CollectConfig:
    return CollectConfig.model_validate({"name": "headlines", "source": source, **more})


def refreshed(root: Path, config: CollectConfig) -> str:
    with MonitorState.open(root, config.name) as state, state.refresh():
        return keep_source(state, config)


def test_another_source_is_refused_until_its_name_is_chosen_and_then_said_once(tmp_path: Path) -> None:
    first, other = collect("/data/guardian.csv"), collect("/data/股吧.csv")
    refuse_other_source(first, tmp_path)  # there is no monitor yet
    assert refreshed(tmp_path, first) == ""
    refuse_other_source(first, tmp_path)
    with pytest.raises(
        RequestError, match=r"headlines has read /data/guardian\.csv so far, and /data/股吧\.csv would be"
    ) as told:
        refuse_other_source(other, tmp_path)
    assert "--collect.name OTHER" in str(told.value)
    assert "--collect.name headlines to count both" in str(told.value)
    assert refreshed(tmp_path, other) == (
        "/data/股吧.csv is counted with what monitor headlines read before: /data/guardian.csv"
    )
    assert refreshed(tmp_path, other) == ""
    refuse_other_source(other, tmp_path)


def test_a_backfill_may_read_an_archive_and_is_not_remembered(tmp_path: Path) -> None:
    archive = collect("/data/2019.csv", since="2019-01-01", until="2019-12-31")
    assert refreshed(tmp_path, archive) == ""
    live = collect("/data/inbox")
    refuse_other_source(live, tmp_path)
    assert refreshed(tmp_path, live) == ""
    refuse_other_source(archive, tmp_path)
    assert "is counted with what monitor headlines read before: /data/inbox" in refreshed(tmp_path, archive)
    with pytest.raises(RequestError, match="has read /data/inbox so far"):
        refuse_other_source(collect("/data/2019.csv"), tmp_path)


def test_a_monitor_of_before_remembers_from_its_next_refresh_on(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "headlines") as state, state.refresh():
        pass
    refuse_other_source(collect("/data/a.csv"), tmp_path)
    assert refreshed(tmp_path, collect("/data/a.csv")) == ""
    with pytest.raises(RequestError):
        refuse_other_source(collect("/data/b.csv"), tmp_path)


def test_a_refresh_that_fails_remembers_nothing(tmp_path: Path) -> None:
    def fails() -> None:
        with MonitorState.open(tmp_path, "headlines") as state, state.refresh():
            keep_source(state, collect("/data/a.csv"))
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fails()
    refuse_other_source(collect("/data/b.csv"), tmp_path)


def test_a_source_is_known_without_its_secrets_and_a_query_by_its_database() -> None:
    assert source_of(collect("https://news.example/feed?key=${KEY}")) == "https://news.example/feed"
    query = {"name": "desk", "query": "SELECT * FROM news", "database_variable": "NEWS"}
    assert source_of(CollectConfig.model_validate(query)) == "SELECT * FROM news (NEWS)"
    assert source_of(CollectConfig()) is None


def test_only_a_name_that_nobody_has_chosen_is_refused(tmp_path: Path) -> None:
    root, source = ["--runtime.data-root", str(tmp_path)], ["--collect.source", "/data/b.csv"]
    refreshed(tmp_path, collect("/data/a.csv"))
    with pytest.raises(RequestError, match=r"--collect\.name headlines to count both"):
        resolve_refresh([*source, *root], preset="headlines")
    chosen = resolve_refresh([*source, *root, "--collect.name", "headlines"], preset="headlines")
    assert chosen.name == "headlines"
    assert resolve_refresh([*source, *root, "--collect.since", "2019-01-01"], preset="headlines").name == "headlines"


def test_a_source_that_was_moved_with_its_data_root_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "before" / "inbox").mkdir(parents=True)
    with MonitorState.open(tmp_path, "inbox") as state, state.refresh():
        keep_source(state, collect(str(tmp_path / "before" / "inbox"), name="inbox"))
    with pytest.raises(RequestError):  # both are there, so they are two
        refuse_other_source(collect(str(tmp_path / "after" / "inbox"), name="inbox"), tmp_path)
    (tmp_path / "before").rename(tmp_path / "after")
    refuse_other_source(collect(str(tmp_path / "after" / "inbox"), name="inbox"), tmp_path)
