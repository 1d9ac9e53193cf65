"""`textmill up --serve`: a model server beside the others."""

import json
import urllib.request
from pathlib import Path

import pytest

from flows.servers.pidfile import PidFile
from flows.servers.server import free_port
from flows.servers.services import SERVING, start_serving, stop_all
from tasks.errors import RequestError, UnavailableError
from tasks.runtime import Runtime
from tests.served import NAME


def test_it_starts_once_and_goes_with_the_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    runtime, port = Runtime(data_root=root), free_port()
    try:
        url = start_serving(runtime, f"{NAME}@champion", port=port)
        assert url == f"http://127.0.0.1:{port}"
        assert json.load(urllib.request.urlopen(f"{url}/ready"))["ready"]
        pid = PidFile(root).running(SERVING)
        assert start_serving(runtime, f"{NAME}@champion") == url
        assert PidFile(root).running(SERVING) == pid
        with pytest.raises(RequestError, match="runs already, of news@champion"):
            start_serving(runtime, f"{NAME}/2")
    finally:
        assert stop_all(runtime)[SERVING] == "stopped"
    assert SERVING not in stop_all(runtime)


def test_one_that_does_not_start_says_why_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UnavailableError, match="did not start: no model is registered yet"):
        start_serving(Runtime(data_root=tmp_path), "news@champion", port=free_port())
    assert PidFile(tmp_path).names() == []
