import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError, UnavailableError
from tasks.tracking import tracker as tracker_module
from tasks.tracking.tracker import Tracker, flatten

Opener = Callable[..., Tracker]

OPEN_ONE = """
import sys
from pathlib import Path
from tasks.tracking.tracker import Tracker
root = Path(sys.argv[1])
tracker = Tracker.open(None, root, root / "checkout", "shared")
tracker.finish(tracker.start_run(sys.argv[2]))
"""


@pytest.mark.long
def test_three_processes_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN_ONE, str(tmp_path)]
    running = [
        subprocess.Popen([*command, f"run{n}"], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(3)
    ]
    said = [process.communicate()[1] for process in running]
    assert [(process.returncode, errors) for process, errors in zip(running, said, strict=True)] == [(0, "")] * 3
    assert (tmp_path / "mlflow" / "mlflow.db").stat().st_mode & 0o777 == 0o600
    tracker = Tracker.open(None, tmp_path, tmp_path / "checkout", "shared")
    runs = tracker._client.search_runs([tracker.experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["run0", "run1", "run2"]


def test_what_is_recorded_can_be_read_back_and_nothing_lands_in_the_current_folder(
    open_tracker: Opener, data_root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    (data_root / "report.html").write_text("<p>report</p>")
    tracker = open_tracker()
    parent = tracker.start_run("whole", {"prefect.flow_run_id": "f1"})
    child = tracker.start_run("finetune", parent_run_id=parent)
    tracker.log_params(child, {"finetune": {"epochs": 3, "widths": [3, 4]}, "name": "x" * 7000})
    for epoch in range(2):
        tracker.log_metrics(child, {"finetune/loss": 1.0 / (epoch + 1), "broken": math.nan}, step=epoch)
    tracker.log_metrics(child, {f"metric/{number}": number for number in range(700)})
    tracker.log_artifacts(child, data_root / "report.html", "reports")
    tracker.log_dataset(child, "imdb", "/corpora/imdb", "d" * 64)
    tracker.set_tags(child, {"cached": "no"})
    tracker.finish(child, "FAILED")
    run = tracker._client.get_run(child)
    assert run.info.status == "FAILED"
    assert run.data.params["finetune.epochs"] == "3"
    assert run.data.params["finetune.widths"] == "[3, 4]"
    assert len(run.data.params["name"]) == 6000
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.data.tags["cached"] == "no"
    assert run.data.metrics["metric/699"] == 699
    history = tracker._client.get_metric_history(child, "finetune/loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5)]
    assert run.inputs.dataset_inputs[0].dataset.digest == "d" * 36
    assert (data_root / "mlflow" / "artifacts" / "films" / child / "artifacts" / "reports" / "report.html").is_file()
    assert child in tracker.run_url(child)
    assert list(here.iterdir()) == []
    assert not (data_root / "runs").exists()


@pytest.mark.parametrize(
    "name", ["my root 数据 #1", "a+b%20c", "q?x=1&y#z", "semi;'\"$=[*]", "me:w@host", "back\\slash", "zip::x", "~"]
)
def test_a_store_works_in_a_folder_of_any_name(
    name: str,
    data_root: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, here = tmp_path / name, tmp_path_factory.mktemp("here")
    (root / "mlflow").mkdir(parents=True)
    shutil.copyfile(data_root / "mlflow" / "mlflow.db", root / "mlflow" / "mlflow.db")
    monkeypatch.chdir(here)
    (root / "report.html").write_text("<p>report</p>")
    tracker = Tracker.open(None, root, root / "checkout", "新闻")
    run = tracker.start_run("whole")
    tracker.log_artifacts(run, root / "report.html")
    tracker.finish(run)
    assert (root / "mlflow" / "artifacts" / "新闻" / run / "artifacts" / "report.html").is_file()
    assert Tracker.open(None, root, root / "checkout", "新闻")._client.get_run(run).info.status == "FINISHED"
    assert list(here.iterdir()) == []


def test_a_second_opening_finds_the_same_experiment(open_tracker: Opener) -> None:
    assert open_tracker("films").experiment_id == open_tracker("films").experiment_id != open_tracker("books").experiment_id


def test_a_model_that_differs_from_another_in_capitals_alone_is_refused(open_tracker: Opener) -> None:
    open_tracker("films")
    with pytest.raises(RequestError, match=r"there is films, .* --name films"):
        open_tracker("Films")


def test_reading_models_does_not_create_a_store(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="textmill train"):
        Tracker.open(None, tmp_path, tmp_path / "checkout", None)
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_experiment_is_a_clear_error(open_tracker: Opener) -> None:
    tracker = open_tracker("gone")
    tracker._client.delete_experiment(tracker.experiment_id)
    with pytest.raises(RequestError, match="was deleted"):
        open_tracker("gone")


def test_a_store_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"not a database, certainly" * 100)
    with pytest.raises(RequestError, match="cannot be opened"):
        Tracker.open(None, tmp_path, tmp_path / "checkout", "films")


def test_a_server_that_does_not_answer_is_a_clear_error_soon(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(UnavailableError, match="no MLflow server answers"):
        Tracker.open(f"http://127.0.0.1:{free_port}", tmp_path, tmp_path / "checkout", "films")


def test_a_refused_value_neither_stops_the_run_nor_is_sent_again(open_tracker: Opener, data_root: Path) -> None:
    tracker = open_tracker()
    run = tracker.start_run("one")
    tracker.log_params(run, {"epochs": 1})
    tracker.log_params(run, {"epochs": 2})  # MLflow's parameters never change
    tracker.log_artifacts(run, data_root / "is not there")
    tracker.finish(run)
    assert tracker._client.get_run(run).data.params == {"epochs": "1"}
    assert not (data_root / "runs").exists()


def test_flatten_keeps_leaves_only() -> None:
    assert dict(flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None})) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_what_a_server_misses_while_it_is_down_is_recorded_later(
    server: Any, open_tracker: Opener, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_module, "RETRY_SECONDS", 0.0)  # looks for the server again at every call
    tracker = open_tracker("films", server.uri)
    parent = tracker.start_run("before")
    server.close()
    child = tracker.start_run("during", parent_run_id=parent)
    for epoch in range(3):
        tracker.log_metrics(child, {"finetune/loss": float(epoch)}, step=epoch)
    (data_root / "report.html").write_text("<p>report</p>")
    tracker.log_artifacts(child, data_root / "report.html", "reports")
    tracker.finish(child)
    assert tracker.server_run_id(child) is None
    (path,) = (data_root / "runs" / "spool").iterdir()
    spooled = [json.loads(line)["op"] for line in path.read_text().splitlines()]
    assert spooled == ["start", "metrics", "metrics", "metrics", "artifacts", "finish"]
    server.open()
    tracker.finish(parent)
    sent = tracker.server_run_id(child)
    assert sent is not None
    run = tracker._client.get_run(sent)
    assert (run.info.run_name, run.info.status) == ("during", "FINISHED")
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert len(tracker._client.get_metric_history(sent, "finetune/loss")) == 3
    assert [file.path for file in tracker._client.list_artifacts(sent, "reports")] == ["reports/report.html"]
    assert list((data_root / "runs" / "spool").iterdir()) == []


def test_what_an_ended_process_could_not_record_is_sent_by_the_next(server: Any, open_tracker: Opener, data_root: Path) -> None:
    tracker = open_tracker("films", server.uri)
    parent = tracker.start_run("parent")
    server.close()
    child = tracker.start_run("child", parent_run_id=parent)
    tracker.log_metrics(child, {"finetune/loss": 0.5}, step=1)
    tracker.close()
    (path,) = (data_root / "runs" / "spool").iterdir()
    with path.open("a") as file:
        file.write('{"op": "metr')  # as a kill leaves it
    server.open()
    again = open_tracker("films", server.uri)
    (run,) = again._client.search_runs([again.experiment_id], "run_name = 'child'")
    assert run.data.metrics == {"finetune/loss": 0.5}
    assert not path.exists()
