"""What a host that joins others is told, what it refuses, and whose runs it judges."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.commands import health
from flows.killed import SILENT_SECONDS, mark_killed
from flows.servers import heartbeat, running
from flows.servers.deploy import deploy_checked, make_plans
from flows.servers.joined import (
    ANY_HOST,
    ANY_WORKER,
    VARIABLE,
    Joined,
    host_environment,
    on_this_host,
    read_joined,
    worker_name,
    write_joined,
)
from flows.servers.pidfile import PidFile
from flows.servers.server import free_port
from flows.servers.services import join, stop_all
from tasks.config import PipelineConfig
from tasks.errors import RequestError, UnavailableError
from tasks.processes import start_time, this_host
from tasks.runtime import Runtime

GONE = 2**22 + 1  # no process has such an id
DEAD = [GONE, "1"]
OTHER = {"name": "another-host", "boot": "x"}


def test_a_run_of_any_host_works_where_its_host_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = PipelineConfig.model_validate(
        {"runtime": {"data_root": "/srv/one", "workers": 4, "store": "s3://team/x", "log_interval": 3.0}}
    )
    own = Runtime.model_validate(Runtime(data_root=tmp_path, workers=1).model_dump())
    monkeypatch.setenv(VARIABLE, host_environment(own)[VARIABLE])
    assert on_this_host(deployed) is deployed
    for name, value in ANY_HOST.items():
        monkeypatch.setenv(name, value)
    here = on_this_host(deployed).runtime
    assert (here.data_root, here.workers, here.store, here.log_interval) == (tmp_path, 1, "s3://team/x", 3.0)
    monkeypatch.delenv(VARIABLE)
    assert on_this_host(deployed) is deployed


def test_two_data_roots_of_a_host_have_workers_of_two_names(tmp_path: Path) -> None:
    assert worker_name(tmp_path / "a") != worker_name(tmp_path / "b")


def test_a_host_joins_only_what_is_named_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    runtime = Runtime(data_root=tmp_path / "root")
    with pytest.raises(RequestError, match="--worker-only joins the servers of another host; name them: PREFECT_API_URL"):
        join(runtime, at_once=1)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
    with pytest.raises(RequestError, match="MLFLOW_TRACKING_URI names no server"):
        join(runtime, at_once=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UnavailableError, match="no MLflow server answers"):
        join(runtime, at_once=1)
    PidFile(runtime.data_root).add("mlflow", os.getpid())
    with pytest.raises(RequestError, match="mlflow of this data root run; textmill down first"):
        join(runtime, at_once=1)
    assert read_joined(runtime.data_root) is None


def test_a_host_that_has_joined_says_so_and_deploys_for_all(tmp_path: Path) -> None:
    write_joined(tmp_path, Joined(2, "http://127.0.0.1:4200/api"))
    with pytest.raises(UnavailableError, match=r"the worker that joined http://127.0.0.1:4200/api no longer runs"):
        health.services(tmp_path)
    PidFile(tmp_path).add(ANY_WORKER, os.getpid())
    assert health.services(tmp_path) == "a worker for the runs of http://127.0.0.1:4200/api, 2 at a time"
    config = PipelineConfig.model_validate({"name": "news", "runtime": {"data_root": tmp_path}})
    with pytest.raises(RequestError, match=r"whose own worker would look for the files of train/news there; give --any-host"):
        deploy_checked(make_plans(config, None))
    PidFile(tmp_path).add(ANY_WORKER, GONE)
    assert stop_all(Runtime(data_root=tmp_path)) == {ANY_WORKER: "was not running"}
    assert read_joined(tmp_path) is None


class Tracker:
    """Knows no run, and keeps nothing."""

    def running(self, name: str, tags: dict[str, str]) -> list[str]:
        return []


def record(folder: Path, name: str, **values: Any) -> Path:
    path = folder / f"{name}.json"
    base = {
        "id": name,
        "name": "news",
        "status": "running",
        "process": DEAD,
        "started": "2026-12-01T00:00:00Z",
        "verb": "train",
    }
    path.write_text(json.dumps(base | values))
    return path


def test_runs_of_another_host_are_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"theirs-ended": True}
    monkeypatch.setattr("flows.killed.ended_in_prefect", lambda identity: ends.get(identity, False))
    monkeypatch.setattr("flows.killed.crash_in_prefect", lambda identity: True)
    alive = [os.getpid(), start_time(os.getpid())]
    record(tmp_path, "before-hosts")
    record(tmp_path, "ours", host=this_host())
    record(tmp_path, "ours-lives", host=this_host(), process=alive)
    record(tmp_path, "before-reboot", host=this_host() | {"boot": "earlier"}, process=alive)
    record(tmp_path, "theirs", host=OTHER)
    record(tmp_path, "theirs-ended", host=OTHER)
    silent = record(tmp_path, "theirs-silent", host=OTHER)
    long_ago = time.time() - SILENT_SECONDS - 60
    os.utime(silent, (long_ago, long_ago))
    marked = mark_killed(tmp_path, Tracker())  # type: ignore[arg-type]
    assert sorted(marked) == ["before-hosts", "before-reboot", "ours", "theirs-ended", "theirs-silent"]


def test_notes_of_another_host_are_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "crash_in_prefect", lambda identity: True)
    note = running.note_run(tmp_path, "mine")
    assert json.loads(note.read_text()) == this_host()
    folder = tmp_path / running.FOLDER
    (folder / f"theirs.{GONE}.1").write_text(json.dumps(OTHER))
    (folder / f"ours.{GONE}.1").write_text(json.dumps(this_host()))
    (folder / f"before.{GONE}.1").touch()
    assert running.crash_dead(tmp_path) == ["before", "ours"]
    assert sorted(path.name.partition(".")[0] for path in folder.iterdir()) == ["mine", "theirs"]


def test_doctor_does_not_call_the_run_of_another_host_failed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    record(tmp_path / "runs", "theirs", host=OTHER)
    assert health.last_success(tmp_path).startswith("no run yet")
    record(tmp_path / "runs", "ours", host=this_host())
    with pytest.raises(UnavailableError, match="last run failed or was killed: news"):
        health.last_success(tmp_path)


def test_rules_judge_the_runs_of_our_deployments_alone_and_wait_for_four_heartbeats() -> None:
    for rule in (heartbeat.silent(), heartbeat.never_began()):
        assert rule.trigger.match_related.root == {
            "prefect.resource.role": "tag",
            "prefect.resource.id": f"prefect.tag.{heartbeat.TAG}",
        }
        assert {"prefect.flow-run.Completed", "prefect.flow-run.Crashed"} <= set(rule.trigger.expect)
    assert timedelta(seconds=4 * heartbeat.FREQUENCY_SECONDS) <= heartbeat.silent().trigger.within
    assert SimpleNamespace(**heartbeat.ENVIRONMENT).PREFECT_FLOWS_HEARTBEAT_FREQUENCY == "30"
