"""What a copy of a data root brings along of the original's servers and schedules, and what becomes of it."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.servers.moved import bring_deployments, moved_paths
from flows.servers.pidfile import PidFile
from flows.servers.server import launch, read_endpoint
from tasks.processes import start_time
from tasks.tracking.home import tracking_home
from tasks.tracking.tracker import Tracker


def test_the_processes_of_the_original_are_not_those_of_its_copy(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    PidFile(root).add("mlflow", os.getpid(), url="http://127.0.0.1:5000")
    shutil.copytree(root, copy)
    assert PidFile(root).running("mlflow") == os.getpid()
    assert PidFile(copy).running("mlflow") is None
    assert PidFile(copy).names() == []
    assert not PidFile(copy).stop("mlflow")
    root.rename(tmp_path / "renamed")
    assert PidFile(tmp_path / "renamed").running("mlflow") == os.getpid()


def test_what_the_version_before_wrote_down_is_still_believed(tmp_path: Path) -> None:
    written = {"worker": {"pid": os.getpid(), "started": start_time(os.getpid()), "url": ""}}
    (tmp_path / "services.json").write_text(json.dumps(written))
    assert PidFile(tmp_path).running("worker") == os.getpid()


def test_a_copy_does_not_use_the_prefect_server_of_the_original(tmp_path: Path) -> None:
    home = tmp_path / "root" / "prefect"
    home.mkdir(parents=True)
    started = launch(home)
    started.process.kill()
    started.process.wait()
    assert read_endpoint(home) == started.endpoint
    shutil.copytree(tmp_path / "root", tmp_path / "copy")
    assert read_endpoint(tmp_path / "copy" / "prefect") is None


def test_paths_change_where_they_are_in_the_folder_that_moved() -> None:
    before = {"config": {"data_root": "/old", "path": "/old/in/a.csv", "other": "/older/b", "url": "https://x/old", "n": 3}}
    after = moved_paths({"parameters": before, "steps": ["/old/x", None]}, {"/old": "/new root"})
    assert after["parameters"]["config"] == {
        "data_root": "/new root",
        "path": "/new root/in/a.csv",
        "other": "/older/b",
        "url": "https://x/old",
        "n": 3,
    }
    assert after["steps"] == ["/new root/x", None]


@pytest.mark.usefixtures("prefect_server")
def test_the_schedules_of_a_copy_work_in_the_copy(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Completed, Scheduled, State

    root, copy = tmp_path / "root", tmp_path / "the copy #2"
    Tracker.open(None, root, tmp_path / "checkout", "films")
    shutil.copytree(root, copy)
    Tracker.open(None, copy, tmp_path / "checkout", "films")
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("train")
        config = {"name": "films", "ingest": {"path": "/corpora/films"}, "runtime": {"data_root": str(root)}}
        for name, data_root in (("films", root), ("elsewhere", tmp_path / "another root")):
            own = {"config": {**config, "runtime": {"data_root": str(data_root)}}}
            client.create_deployment(flow, name, parameters=own, enforce_parameter_schema=False)
        states: list[State[Any]] = [Scheduled(scheduled_time=datetime(2020, 3, 15, tzinfo=UTC)), Completed()]
        overdue = [
            client.create_flow_run_from_deployment(client.read_deployment_by_name(f"train/{name}").id, state=state)
            for name in ("films", "elsewhere")
            for state in states
        ]
        home = tracking_home(None, copy, tmp_path / "checkout")
        assert bring_deployments(client, home) == ["train/films"]
        assert bring_deployments(client, home) == []
        changed = client.read_deployment_by_name("train/films").parameters["config"]
        assert changed == config | {"runtime": {"data_root": str(copy)}}
        roots = [client.read_flow_run(run.id).parameters["config"]["runtime"]["data_root"] for run in overdue]
        assert roots == [str(copy), str(root), *[str(tmp_path / "another root")] * 2]  # what has ended is history
        left = client.read_deployment_by_name("train/elsewhere").parameters["config"]
        assert left["runtime"]["data_root"] == str(tmp_path / "another root")
        assert bring_deployments(client, tracking_home(None, root, tmp_path / "checkout")) == []  # the original never moved
