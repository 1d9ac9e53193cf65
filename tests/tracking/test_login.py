"""Whom MLflow's client is told the password of the server that `textmill up` started."""

import json
import os
from pathlib import Path

import pytest

from tasks.tracking.client import LOGIN_VARIABLES, log_in
from tasks.tracking.home import TrackingHome, tracking_home

USER, WORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOGIN_VARIABLES:
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)


def served(root: Path, port: int, word: str) -> TrackingHome:
    """The home of a data root whose server was started on that port."""
    (root / "mlflow").mkdir(parents=True)
    written = {"url": f"http://127.0.0.1:{port}", "login": f"textmill:{word}"}
    (root / "mlflow" / "server.json").write_text(json.dumps(written))
    return tracking_home(f"http://localhost:{port}", root, root)


def test_another_server_is_not_told_the_password_of_the_one_before(tmp_path: Path) -> None:
    log_in(served(tmp_path, 5001, "word"))
    assert (os.environ[USER], os.environ[WORD]) == ("textmill", "word")
    log_in(tracking_home("http://other.example", tmp_path, tmp_path))
    assert USER not in os.environ
    assert WORD not in os.environ


def test_each_server_is_told_its_own(tmp_path: Path) -> None:
    first, second = served(tmp_path / "a", 5001, "one"), served(tmp_path / "b", 5002, "two")
    for home, word in ((first, "one"), (second, "two"), (first, "one"), (first, "one")):
        log_in(home)
        assert os.environ[WORD] == word


def test_what_the_user_has_set_stays_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = served(tmp_path, 5001, "word")
    log_in(home)
    monkeypatch.setenv(USER, "me")
    monkeypatch.setenv(WORD, "own")
    for each in (tracking_home("http://other.example", tmp_path, tmp_path), home):
        log_in(each)
        assert (os.environ[USER], os.environ[WORD]) == ("me", "own")
