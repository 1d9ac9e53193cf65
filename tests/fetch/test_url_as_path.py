"""A URL in the place of a corpus' path is fetched, whichever door it comes through."""

from pathlib import Path

import pytest

from flows.commands.settings import resolve
from tasks.config import PipelineConfig
from tasks.errors import RequestError

URL = "https://files.example/news.csv"


def test_a_url_is_fetched_from_each_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f'[ingest]\npath = "{URL}"\n')
    given = [resolve(["--ingest.path", URL]), resolve([], file=file)]
    monkeypatch.setenv("TEXTMILL_INGEST__PATH", URL)
    for config in [*given, resolve([])]:
        assert (config.fetch.url, config.ingest.path, config.name.partition("-")[0]) == (URL, None, "news")
        assert PipelineConfig.model_validate(config.model_dump(mode="json")) == config


def test_files_stay_beside_it_and_a_second_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").touch()
    config = resolve(["--ingest.path", URL, "--ingest.path", str(tmp_path / "own.csv")])
    assert (config.fetch.url, config.ingest.places) == (URL, (tmp_path / "own.csv",))
    for second in (["--fetch.url", "s3://team/x.csv"], ["--ingest.path", "s3://team/x.csv"]):
        with pytest.raises(RequestError, match=r"ingest\.path names a second URL to fetch"):
            resolve(["--ingest.path", URL, *second])
    with pytest.raises(RequestError, match="must hold no user or password"):
        resolve(["--ingest.path", "https://me:word@files.example/news.csv"])
