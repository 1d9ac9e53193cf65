"""Names where none is given: from the source, and what is said where another has that name."""

import json
import logging
from pathlib import Path

import pytest

from flows.commands.settings import resolve, resolve_refresh
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState


def trained(data_root: Path, name: str, corpus: Path, started: str = "2026-01-01T00:00:00Z") -> None:
    (data_root / "runs").mkdir(parents=True, exist_ok=True)
    record = {
        "name": name,
        "status": "finished",
        "started": started,
        "config": {"ingest": {"path": str(corpus), "archive": None}},
    }
    (data_root / "runs" / f"{name}-{started}.json").write_text(json.dumps(record))


def test_a_model_of_a_corpus_that_is_downloaded_is_named_for_its_source() -> None:
    assert resolve(["--ingest.source", "imdb"]).name == "imdb"


def resolved(corpus: Path, data_root: Path, *more: str) -> str:
    return resolve(["--ingest.path", str(corpus), "--runtime.data-root", str(data_root), *more]).name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("评论.csv", "评论"),
        ("新闻 2024/", "新闻-2024"),
        ("c.tar.gz", "c"),
        (".hidden.csv", "hidden"),
        ("news #1.csv", "news-1"),
        ("a@b.csv", "a-b"),
    ],
)
def test_a_model_and_a_monitor_are_named_for_their_file_in_any_script(path: str, name: str, tmp_path: Path) -> None:
    (tmp_path / path).mkdir()
    assert resolved(tmp_path / path, tmp_path / "root") == name
    assert resolve_refresh(["--collect.source", str(tmp_path / path)]).name == name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://x.org/rss/%E6%96%B0%E5%8D%8E.xml?token=secret", "新华"),
        ("https://x.org/feed/me@secret", "feed"),
        ("s3://bucket/新闻/*.csv", "新闻"),
        ("/absent/[ab]/*.csv", "absent"),
    ],
)
def test_a_monitor_is_named_for_its_address(source: str, name: str) -> None:
    assert resolve_refresh(["--collect.source", source]).name == name


def test_two_corpora_without_ascii_letters_have_two_names(tmp_path: Path) -> None:
    assert resolved(tmp_path / "评论.csv", tmp_path) != resolved(tmp_path / "新闻.csv", tmp_path)
    assert resolved(tmp_path / "📈.csv", tmp_path) != resolved(tmp_path / "📉.csv", tmp_path)


def test_a_corpus_that_earlier_versions_called_otherwise_is_named_with_the_way_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(tmp_path, "textmill", tmp_path / "评论.csv")
    with caplog.at_level(logging.WARNING):
        assert resolved(tmp_path / "评论.csv", tmp_path) == "评论"
        (said,) = caplog.messages
        assert "--name textmill" in said
        caplog.clear()
        assert resolved(tmp_path / "评论.csv", tmp_path, "--name", "textmill") == "textmill"
        assert resolved(tmp_path / "新闻.csv", tmp_path) == "新闻"  # another corpus was textmill
        trained(tmp_path, "评论", tmp_path / "评论.csv")
        resolved(tmp_path / "评论.csv", tmp_path)  # has begun anew
        assert caplog.messages == []


def test_a_name_that_is_another_corpus_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "news.csv").touch()
    trained(tmp_path, "news", tmp_path / "b" / "news.csv", "2026-01-01T00:00:00Z")
    trained(tmp_path, "news", tmp_path / "a" / "news.csv", "2026-01-02T00:00:00Z")
    with caplog.at_level(logging.WARNING):
        resolved(tmp_path / "a" / "news.csv", tmp_path)
        assert caplog.messages == []
        resolved(tmp_path / "b" / "news.csv", tmp_path)
    (said,) = caplog.messages
    assert str(tmp_path / "a" / "news.csv") in said
    assert "give --name" in said


def test_a_monitor_that_earlier_versions_called_otherwise_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with MonitorState.open(tmp_path, "monitor"):
        pass
    arguments = ["--collect.source", str(tmp_path / "新华.csv"), "--runtime.data-root", str(tmp_path)]
    with caplog.at_level(logging.WARNING):
        assert resolve_refresh(arguments).name == "新华"
        (said,) = caplog.messages
        assert "--collect.name monitor" in said
        caplog.clear()
        with MonitorState.open(tmp_path, "新华"):
            pass
        resolve_refresh(arguments)
        assert caplog.messages == []


def test_a_monitor_that_differs_from_another_in_capitals_alone_is_refused(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "News"):
        pass
    with pytest.raises(RequestError, match=r"there is News, .* --collect\.name News"), MonitorState.open(tmp_path, "news"):
        pass
