"""What `textmill up` and `down` make of an MLflow server that already runs."""

import base64
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.processes import start_time
from flows.server import login
from flows.services import WORKERS, Record, start_all, stop_all
from tasks.config import Runtime
from tasks.errors import RequestError


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers whoever gives the server's password, or everyone where it has none."""

    def do_GET(self) -> None:
        word = self.server.word
        let_in = word is None or self.headers["Authorization"] == f"Basic {base64.b64encode(word.encode()).decode()}"
        self.send_response(200 if let_in else 401)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.word = None
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def runtime(tmp_path: Path, server, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A data root all of whose services run: this process is said to be each of them."""
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    root, url = tmp_path / "root", f"http://127.0.0.1:{server.server_port}"
    (root / "prefect").mkdir(parents=True)
    (root / "mlflow").mkdir()
    word = login(root / "prefect" / "password")
    written = {"url": url, "auth": word, "process": [os.getpid(), start_time(os.getpid())], "stays": True}
    (root / "prefect" / "server.json").write_text(json.dumps(written))
    for name in ("prefect", "mlflow", *WORKERS):
        Record(root / "services.json").add(name, os.getpid(), url=url)
    return Runtime(data_root=root, server_timeout=30.0)


def test_a_server_that_wants_no_password_is_not_taken_for_a_guarded_one(runtime: Runtime) -> None:
    with pytest.raises(RequestError, match="does not ask for the password; textmill down first"):
        start_all(runtime, prefect_port=0, mlflow_port=0)


def test_the_login_of_a_server_that_runs_is_written_again(runtime: Runtime, server) -> None:
    server.word = login(runtime.data_root / "prefect" / "password")
    told = start_all(runtime, prefect_port=0, mlflow_port=0)
    written = runtime.data_root / "mlflow" / "server.json"
    assert json.loads(written.read_text()) == {"url": told["mlflow_ui"], "login": server.word}
    assert written.stat().st_mode & 0o777 == 0o600


def test_the_login_stays_until_the_server_has_stopped(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    written = runtime.data_root / "mlflow" / "server.json"
    written.write_text("{}")
    runs, ends = iter([True]), []

    def stop(record: Record, name: str) -> bool:
        if name == "mlflow" and next(runs, False):
            raise KeyboardInterrupt
        ends.append(name)
        return True

    monkeypatch.setattr(Record, "stop", stop)
    with pytest.raises(KeyboardInterrupt):
        stop_all(runtime)
    assert written.exists()
    monkeypatch.setattr(Record, "running", lambda record, name: None if name in ends else os.getpid())
    stop_all(runtime)
    assert ends[-2:] == ["mlflow", "prefect"]
    assert not written.exists()
