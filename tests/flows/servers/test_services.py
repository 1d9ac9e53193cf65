"""What `textmill up` and `down` make of servers that already run, and of a start that was cut short."""

import base64
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.commands.health import services as services_check
from flows.commands.train import where_to_look
from flows.servers import services
from flows.servers.deployed import lasting_endpoint
from flows.servers.pidfile import PidFile
from flows.servers.server import free_port, login
from flows.servers.services import WORKERS, start_all, stop_all
from tasks.errors import RequestError, UnavailableError
from tasks.processes import folder_identity, runs, start_time
from tasks.runtime import Runtime

DEAD = 2**22 + 1  # no process has such an id


class Server(http.server.ThreadingHTTPServer):
    """Keeps the password that it asks for, if any."""

    word: str | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers whoever gives the server's password, or everyone where it has none."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        word = self.server.word
        let_in = word is None or self.headers["Authorization"] == f"Basic {base64.b64encode(word.encode()).decode()}"
        self.send_response(200 if let_in else 401)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def runtime(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A data root all of whose services run: this process is said to be each of them."""
    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    root, url = tmp_path / "root", f"http://127.0.0.1:{server.server_port}"
    (root / "prefect").mkdir(parents=True)
    (root / "mlflow").mkdir()
    word = login(root / "prefect" / "password")
    written = {"url": url, "auth": word, "process": [os.getpid(), start_time(os.getpid())], "stays": True}
    (root / "prefect" / "server.json").write_text(json.dumps(written))
    for name in ("prefect", "mlflow", *WORKERS):
        PidFile(root).add(name, os.getpid(), url=url)
    return Runtime(data_root=root, server_timeout=30.0)


def test_a_server_that_wants_no_password_is_not_taken_for_a_guarded_one(runtime: Runtime) -> None:
    with pytest.raises(RequestError, match="does not ask for the password; textmill down first"):
        start_all(runtime)


def test_the_login_of_a_server_that_runs_is_written_again(runtime: Runtime, server: Server) -> None:
    server.word = login(runtime.data_root / "prefect" / "password")
    told = start_all(runtime)
    written = runtime.data_root / "mlflow" / "server.json"
    assert json.loads(written.read_text()) == {"url": told["mlflow_ui"], "login": server.word}
    assert written.stat().st_mode & 0o777 == 0o600


def test_the_login_stays_until_the_server_has_stopped(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    written = runtime.data_root / "mlflow" / "server.json"
    written.write_text("{}")
    runs, ends = iter([True]), []

    def stop(record: PidFile, name: str) -> bool:
        if name == "mlflow" and next(runs, False):
            raise KeyboardInterrupt
        ends.append(name)
        return True

    monkeypatch.setattr(PidFile, "stop", stop)
    with pytest.raises(KeyboardInterrupt):
        stop_all(runtime)
    assert written.exists()
    monkeypatch.setattr(PidFile, "running", lambda record, name: None if name in ends else os.getpid())
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

    monkeypatch.setattr("flows.servers.server.subprocess.Popen", sleeps)
    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
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
def test_a_start_that_is_interrupted_or_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(data_root=tmp_path / "root", server_timeout=1.0)
    with pytest.raises(UnavailableError, match="did not answer, and did nothing for 1 s"):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
    assert not runs(*started_prefect(runtime))
    monkeypatch.setattr("flows.servers.server.Started.wait", interrupted)
    begin(runtime)
    assert not runs(*started_prefect(runtime))
    assert PidFile(runtime.data_root).missing() == []


@pytest.mark.usefixtures("silent_prefect")
def test_a_server_that_the_machine_could_not_start_beside_the_others_takes_them_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's server fails after Prefect's answers: neither runs afterwards, and no file says that one should."""

    def fails(runtime: Runtime, port: int, record: PidFile) -> None:
        assert record.running("prefect")
        raise UnavailableError("the MLflow server did not start")

    runtime = Runtime(data_root=tmp_path / "root")
    monkeypatch.setattr("flows.servers.server.Started.wait", lambda started, timeout: 0.0)
    monkeypatch.setattr("flows.servers.services._start_mlflow", fails)
    with pytest.raises(UnavailableError, match="MLflow server did not start"):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
    assert not runs(*started_prefect(runtime))
    assert services_check(runtime.data_root) == "not started, so none should run"


def started_prefect(runtime: Runtime) -> tuple[int, str]:
    pid, started = json.loads((runtime.data_root / "prefect" / "server.json").read_text())["process"]
    return pid, started


@pytest.mark.usefixtures("silent_prefect")
@pytest.mark.parametrize("where", ["flows.servers.server.Started.wait", "flows.servers.pidfile.PidFile.add"])
def test_a_start_that_is_killed_leaves_nothing_that_cannot_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    runtime = Runtime(data_root=tmp_path / "root")
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupted)
        patch.setattr("flows.servers.services._stop", lambda *_: {})  # who is killed stops nothing
        begin(runtime)
    process = started_prefect(runtime)
    assert runs(*process)
    assert stop_all(runtime)["prefect"] == "stopped"
    assert not runs(*process)


@pytest.mark.usefixtures("silent_prefect")
def test_a_second_start_waits_for_the_server_that_a_killed_one_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(data_root=tmp_path / "root", server_timeout=1.0)
    with monkeypatch.context() as patch:
        patch.setattr("flows.servers.server.Started.wait", interrupted)
        patch.setattr("flows.servers.services._stop", lambda *_: {})
        begin(runtime)
    before = (runtime.data_root / "prefect" / "server.json").read_text()
    with pytest.raises(UnavailableError, match="does not answer; end it first"):
        start_all(runtime)
    assert (runtime.data_root / "prefect" / "server.json").read_text() == before
    assert stop_all(runtime)["prefect"] == "stopped"


@pytest.mark.parametrize("flag", ["--port", "--mlflow-port"])
@pytest.mark.usefixtures("silent_prefect")
def test_a_port_that_another_program_has_is_told_before_anything_is_started(tmp_path: Path, server: Server, flag: str) -> None:
    taken, free = server.server_port, free_port()
    ports = (taken, free) if flag == "--port" else (free, taken)
    with pytest.raises(RequestError, match=f"port {taken} is taken .*choose another with {flag}"):
        start_all(Runtime(data_root=tmp_path / "root"), prefect_port=ports[0], mlflow_port=ports[1])
    assert not (tmp_path / "root" / "prefect" / "server.json").exists()


@pytest.mark.usefixtures("silent_prefect")
def test_a_start_that_could_not_come_to_its_end_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, port = Runtime(data_root=tmp_path / "root"), free_port()
    with pytest.raises(RequestError, match="choose two different ports"):
        start_all(runtime, prefect_port=port, mlflow_port=port)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(RequestError, match="which is a server already"):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(RequestError, match=r"names another Prefect server, http://127\.0\.0\.1:9/api"):
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
    assert not (tmp_path / "root" / "prefect" / "server.json").exists()
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"--runtime\.data-root .* cannot be made"):
        start_all(Runtime(data_root=tmp_path / "file" / "root"))


def test_a_second_start_says_what_runs_and_refuses_another_port(runtime: Runtime, server: Server) -> None:
    server.word = login(runtime.data_root / "prefect" / "password")
    told = start_all(runtime, prefect_port=server.server_port)
    assert told["state"] == "was running already"
    assert told["prefect_ui"] == told["mlflow_ui"] == f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(RequestError, match=f"runs already, on port {server.server_port}, so --port 4242 cannot be kept"):
        start_all(runtime, prefect_port=4242)


def test_a_run_says_where_the_pages_are_of_the_servers_that_run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    record = PidFile(runtime.data_root)
    address = record.url("mlflow")
    assert where_to_look(runtime.data_root, "textmill up") == f"Prefect UI on {address}, MLflow UI on {address}"
    record.add("prefect", DEAD, url=address)
    assert where_to_look(runtime.data_root, "textmill up").startswith("textmill up   (Prefect UI on http://127.0.0.1:4200")
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api/")
    assert where_to_look(runtime.data_root, "textmill up") == f"Prefect UI on http://prefect.example, MLflow UI on {address}"


def test_a_killed_server_starts_again_on_the_port_that_it_had_and_a_stopped_one_does_not(tmp_path: Path) -> None:
    record = PidFile(tmp_path)
    record.add("prefect", DEAD, url="http://127.0.0.1:4311/api")
    record.add("mlflow", DEAD, url="http://127.0.0.1:5311")
    assert services._ports(record, {"prefect": None, "mlflow": 5312}) == {"prefect": 4311, "mlflow": 5312}
    stop_all(Runtime(data_root=tmp_path))
    assert services._ports(record, {"prefect": None, "mlflow": None}) == {"prefect": 4200, "mlflow": 5000}


def test_a_copy_of_a_data_root_does_not_take_the_servers_of_the_original_for_its_own(
    runtime: Runtime, server: Server, tmp_path: Path
) -> None:
    server.word = login(runtime.data_root / "prefect" / "password")
    start_all(runtime)
    written = runtime.data_root / "prefect" / "server.json"
    written.write_text(json.dumps(json.loads(written.read_text()) | {"folder": folder_identity(written.parent)}))
    copied, moved = tmp_path / "copied", tmp_path / "moved"
    shutil.copytree(runtime.data_root, copied)
    assert set(stop_all(Runtime(data_root=copied)).values()) == {"was not running"}
    assert services_check(copied) == "not started, so none should run"
    assert lasting_endpoint(copied / "prefect") is None
    assert "4200" in where_to_look(copied, "textmill up")
    runtime.data_root.rename(moved)
    assert PidFile(moved).running("mlflow") == os.getpid()
    assert lasting_endpoint(moved / "prefect")


def test_doctor_knows_what_should_run_until_it_is_taken_down(runtime: Runtime, server: Server) -> None:
    root = runtime.data_root
    assert services_check(root) == "not started, so none should run"
    server.word = login(root / "prefect" / "password")
    start_all(runtime)
    address = f"http://127.0.0.1:{server.server_port}"
    assert services_check(root) == f"prefect on {address}, mlflow on {address}, both workers run"
    server.word = "another"
    with pytest.raises(UnavailableError, match="prefect, mlflow runs but does not answer; textmill down"):
        services_check(root)
    for name in ("prefect", "worker"):
        PidFile(root).add(name, DEAD)
    with pytest.raises(
        UnavailableError, match=r"started prefect, worker, which no longer runs; textmill up --runtime.data-root"
    ):
        services_check(root)
    for name in ("mlflow", "watch-worker"):  # which are this process
        PidFile(root).add(name, DEAD)
    (root / "prefect" / "server.json").unlink()
    stop_all(runtime)
    assert services_check(root) == "not started, so none should run"


@pytest.mark.usefixtures("silent_prefect")
def test_a_server_that_cannot_be_written_down_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = []
    monkeypatch.setattr("flows.servers.server.start_time", lambda pid: process.append((pid, start_time(pid))))
    monkeypatch.setattr("flows.servers.server.json.dump", interrupted)
    begin(Runtime(data_root=tmp_path / "root"))
    assert not runs(*process[0])


def test_a_service_that_cannot_be_written_down_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = []

    def fails(record: PidFile, name: str, pid: int, url: str) -> None:
        process.append((pid, start_time(pid)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PidFile, "add", fails)
    with pytest.raises(OSError, match="No space"):
        services._spawn(tmp_path, PidFile(tmp_path), "worker", [sys.executable, "-c", "input()"])
    assert not runs(*process[0])
