"""What doctor says of the monitors, and of a server that does not stay."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.commands.health import deployments, dismiss, last_success, monitors, workers
from tasks.errors import RequestError, UnavailableError
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.notify.channels.channel import UnusableChannel
from tasks.notify.deliver import deliver
from tasks.processes import start_time


def alert(created: float) -> Alert:
    facts = {"count": 1, "negative_share": 0.4, "baseline": 0.2}
    window = ("2020-03-04", "2020-03-10")
    return Alert.make("desk", kind="surge", series="all", severity="high", window=window, created=created, facts=facts)


def test_alerts_that_wait_for_long_are_told_with_their_reason_and_age(tmp_path: Path) -> None:
    assert monitors(tmp_path) == "none yet"
    now = time.time()
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh():
            state.store_alerts([alert(now - 7200)], cooldown_days=1, channels=["pager"])
        state.failed(alert(now).id, "pager", "answered 503", next_try=now + 60)
        with pytest.raises(
            UnavailableError,
            match=r"1 alerts of desk wait, the oldest for 2\.\d hours for pager \(answered 503\); desk refreshed",
        ):
            monitors(tmp_path)
        state.delivered(alert(now).id, "pager", now)
    for name in ("other", "other.watch"):  # a watchdog's state is no monitor
        with MonitorState.open(tmp_path, name):
            pass
    refreshed = time.strftime("%Y-%m-%d")
    said = monitors(tmp_path)
    assert said.startswith(f"desk refreshed {refreshed}")
    assert said.endswith("0 alerts waiting; other never refreshed, 0 alerts waiting")


def test_an_alert_that_was_just_stored_is_no_fault_and_a_damaged_state_is(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state, state.refresh():
        state.store_alerts([alert(time.time())], cooldown_days=1, channels=["pager"])
    assert monitors(tmp_path).endswith("1 alerts waiting")
    (tmp_path / "monitor" / "desk" / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(UnavailableError, match="restore it from a backup"):
        monitors(tmp_path)


def store(state: MonitorState, *channels: str) -> str:
    told = alert(time.time() - 7200)
    with state.refresh():
        state.store_alerts([told], cooldown_days=1, channels=channels)
    return told.id


def test_what_waits_for_a_channel_that_is_not_configured_any_more_is_given_up_and_no_fault(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        store(state, "pager")
        with pytest.raises(UnavailableError, match=r"2\.\d hours for pager \(nothing was sent since\)"):
            monitors(tmp_path)
        deliver(state, [], time.time())
        assert monitors(tmp_path).endswith("0 alerts waiting, 1 given up (pager: it is not configured any more)")
        deliver(state, [UnusableChannel("pager", "PAGER_TOKEN is not set")], time.time())  # it is configured again
        with pytest.raises(UnavailableError, match="for pager"):
            monitors(tmp_path)


def test_what_a_channel_refused_is_counted_apart(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        told = store(state, "pager", "desk")
        state.delivered(told, "desk", time.time())
        state.failed(told, "pager", "refused: answered 422", time.time() + 60)
    assert monitors(tmp_path).endswith("0 alerts waiting, 1 refused (pager: answered 422)")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose server answers and leaves with its last run, as in an ordinary run; a stub plays it."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    stub = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=stub.serve_forever)
    thread.start()
    written: dict[str, Any] = {"url": f"http://127.0.0.1:{stub.server_port}/api", "auth": None, "stays": False}
    written["process"] = [os.getpid(), start_time(os.getpid())]
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "server.json").write_text(json.dumps(written))
    yield tmp_path
    stub.shutdown()
    thread.join()
    stub.server_close()


def test_a_server_that_leaves_with_its_run_needs_no_worker_and_plans_nothing(server: Path) -> None:
    assert workers(server) == "no server stays, so none is needed"
    assert deployments(server).startswith("no server stays, so nothing runs by itself")


def write_run(root: Path, number: int, name: str, status: str, verb: str = "train") -> None:
    (root / "runs").mkdir(exist_ok=True)
    written = {
        "name": name,
        "verb": verb,
        "status": status,
        "started": f"2026-01-0{number}T00:00:00Z",
        "process": [2**22 + 1, "1"],
    }
    (root / "runs" / f"{number}.json").write_text(json.dumps(written))


def test_a_cross_validation_is_no_training_run_of_its_name(tmp_path: Path) -> None:
    write_run(tmp_path, 1, "news", "failed")
    write_run(tmp_path, 2, "news", "finished", "folds")
    with pytest.raises(UnavailableError, match="news at 2026-01-01"):
        last_success(tmp_path)
    write_run(tmp_path, 3, "news", "finished")
    write_run(tmp_path, 4, "news", "failed", "tune")
    assert last_success(tmp_path).startswith("news 2026-01-03")


def test_a_failed_run_is_told_until_it_is_dismissed_and_the_next_one_again(tmp_path: Path) -> None:
    assert last_success(tmp_path).startswith("no run yet")
    write_run(tmp_path, 1, "news", "finished")
    write_run(tmp_path, 2, "experiment", "running")  # its process is gone
    with pytest.raises(UnavailableError, match=r"killed: experiment at 2026-01-02T00:00:00Z \(textmill doctor --dismiss NAME"):
        last_success(tmp_path)
    with pytest.raises(RequestError, match="no training run of nwes has failed; models with a failed run: experiment"):
        dismiss(tmp_path, ["nwes"])
    dismiss(tmp_path, ["experiment"])
    said = last_success(tmp_path)
    assert said.startswith("news 2026-01-01T00:00:00Z, failed and dismissed: experiment at 2026-01-02T00:00:00Z (now ")
    write_run(tmp_path, 3, "experiment", "failed")
    with pytest.raises(UnavailableError, match="experiment at 2026-01-03"):
        last_success(tmp_path)
    write_run(tmp_path, 4, "experiment", "finished")
    assert last_success(tmp_path).startswith("experiment 2026-01-04T00:00:00Z, news 2026-01-01T00:00:00Z (now ")
    (tmp_path / "runs" / "5.json").write_text("no record")
    assert last_success(tmp_path).startswith("experiment 2026-01-04")
