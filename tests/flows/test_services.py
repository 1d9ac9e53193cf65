"""What `textmill up` and `down` make of servers that already run, and of a start that was cut short."""

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import services
from flows.processes import runs, start_time
from flows.server import free_port, login
from flows.services import WORKERS, Record, start_all, stop_all
from tasks.config import Runtime
from tasks.errors import RequestError, UnavailableError


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


@pytest.fixture
def silent_prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that never answers, in a process and a group of its own, in the place of Prefect's."""
    popen, made = subprocess.Popen, []

    def sleeps(command: list[str], **options: Any) -> Any:
        made.append(popen([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return made[-1]

    monkeypatch.setattr("flows.server.subprocess.Popen", sleeps)
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    yield
    for process in made:
        process.returncode = None
        process.kill()
        process.wait()


def interrupted(*arguments: object, **keywords: object) -> None:
    raise KeyboardInterrupt


def begin(runtime: Runtime) -> None:
    """Start all, and be interrupted."""
    with pytest.raises(KeyboardInterrupt):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())


@pytest.mark.usefixtures("silent_prefect")
@pytest.mark.parametrize("where", ["flows.server.Started.wait", "flows.services.Record.add"])
def test_a_start_that_is_interrupted_leaves_nothing_that_cannot_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    runtime = Runtime(data_root=tmp_path / "root")
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupted)
        begin(runtime)
    pid, started = json.loads((runtime.data_root / "prefect" / "server.json").read_text())["process"]
    assert runs(pid, started)
    assert stop_all(runtime)["prefect"] == "stopped"
    assert not runs(pid, started)


@pytest.mark.usefixtures("silent_prefect")
def test_a_second_start_waits_for_the_server_that_the_first_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(data_root=tmp_path / "root", server_timeout=1.0)
    with monkeypatch.context() as patch:
        patch.setattr("flows.server.Started.wait", interrupted)
        begin(runtime)
    before = (runtime.data_root / "prefect" / "server.json").read_text()
    with pytest.raises(UnavailableError, match="does not answer; end it first"):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
    assert (runtime.data_root / "prefect" / "server.json").read_text() == before
    assert stop_all(runtime)["prefect"] == "stopped"


@pytest.mark.usefixtures("silent_prefect")
def test_a_server_that_cannot_be_written_down_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = []
    monkeypatch.setattr("flows.server.start_time", lambda pid: process.append((pid, start_time(pid))))
    monkeypatch.setattr("flows.server.json.dump", interrupted)
    begin(Runtime(data_root=tmp_path / "root"))
    assert not runs(*process[0])


def test_a_service_that_cannot_be_written_down_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = []

    def fails(record: Record, name: str, pid: int, url: str) -> None:
        process.append((pid, start_time(pid)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Record, "add", fails)
    with pytest.raises(OSError, match="No space"):
        services._spawn(tmp_path, Record(tmp_path / "services.json"), "worker", [sys.executable, "-c", "input()"])
    assert not runs(*process[0])
