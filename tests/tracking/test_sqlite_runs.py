"""What is written to a SQLite file without MLflow is what MLflow's client writes, row by row."""

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.tracking.client import is_store_error, open_client, transient
from tasks.tracking.home import tracking_home
from tasks.tracking.open_store import open_any, open_known
from tasks.tracking.places import Places, local_path
from tasks.tracking.runs import MlflowRuns, Runs
from tasks.tracking.sqlite_reader import RefusedError
from tasks.tracking.sqlite_runs import SqliteRuns
from tasks.tracking.tracker import Tracker, open_to_read

TABLES = (
    "experiments",
    "experiment_tags",
    "runs",
    "tags",
    "params",
    "metrics",
    "latest_metrics",
    "datasets",
    "inputs",
    "input_tags",
)
NEW = "x" * 32  # an id that is made by chance


@pytest.fixture
def pair(opened: Path, tmp_path: Path) -> tuple[MlflowRuns, SqliteRuns, Path, Path]:
    """Two equal stores that are written in both ways, and their folders."""
    folders = []
    for name in ("one", "two"):
        folder = tmp_path / name / "mlflow"
        folder.mkdir(parents=True)
        shutil.copyfile(opened / "mlflow" / "mlflow.db", folder / "mlflow.db")
        folders.append(folder)
    home = tracking_home(None, folders[0].parent, tmp_path / "checkout")
    by_mlflow = MlflowRuns(home, open_client(home), Places(None))
    return by_mlflow, SqliteRuns(folders[1] / "mlflow.db", Places(None)), folders[0], folders[1]


def rows(folder: Path, *run_ids: str) -> dict[str, list[Any]]:
    """All that a store holds, ids made by chance and the folder in it left out."""
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        known = {run_id: f"run{number}" for number, run_id in enumerate(run_ids)}
        for kind in ("dataset", "input"):
            for number, (made,) in enumerate(database.execute(f"SELECT {kind}_uuid FROM {kind}s ORDER BY rowid")):
                known[made] = f"{kind}{number}"
        for table in TABLES:
            text = json.dumps(sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr))
            for made, name in known.items():
                text = text.replace(made, name)
            found[table] = sorted(json.loads(text), key=repr)
    return found


def record(runs: Runs, report: Path) -> list[str]:
    """Call every method, with whatever a run may record; the runs that were made."""
    found = runs.experiment("shared")
    assert found is not None
    assert found.active
    whole = runs.start(found.id, "films", {"prefect.flow_run_id": "f1", "long": "字" * 9000}, 1000)
    part = runs.start(found.id, "finetune", {"mlflow.parentRunId": "whole", "kind": "step"}, 2000)
    runs.log_params(whole, [("finetune.epochs", "3"), ("name", "a b")])
    runs.log_params(whole, [("name", "a b"), ("late", "1")])
    for step, time, value in ((0, 10, 1.0), (1, 20, 0.5), (1, 20, 0.5), (0, 30, 0.25), (1, 15, 9.0)):
        runs.log_metrics(part, [("finetune/loss", value), ("nan", math.nan), ("inf", math.inf), ("low", -math.inf)], step, time)
    runs.log_metrics(part, [("twice", 1.0), ("twice", 2.0)], 0, 10)
    runs.set_tags(whole, {"cached": "no", "empty": ""})
    runs.set_tags(whole, {"cached": "yes", "long": "short", "warnings": "x" * 8001})
    for source in ("/corpora/one", "/corpora/two"):
        runs.log_dataset(whole, "imdb", source, "d" * 36, "training")
    runs.log_dataset(part, "imdb", "/corpora/one", "d" * 36, "training")
    runs.log_files(whole, report, None)
    runs.log_files(whole, report.parent, "evaluate")
    runs.finish(part, "FAILED", 3000)
    return [whole, part]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "files" / "inner").mkdir(parents=True)
    (tmp_path / "files" / "inner" / "数.txt").write_text("1")
    (tmp_path / "files" / "report.html").write_text("<p>report</p>")
    return tmp_path / "files" / "report.html"


def test_both_ways_of_writing_leave_equal_tables_and_files(
    pair: tuple[MlflowRuns, SqliteRuns, Path, Path], report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_mlflow, without, one, two = pair
    monkeypatch.chdir(report.parent)
    made = [record(runs, report) for runs in (by_mlflow, without)]
    before = rows(one, *made[0])
    assert before == rows(two, *made[1])
    assert len(before["runs"]) == 2
    assert len(before["datasets"]) == 1
    for runs in (by_mlflow, without):
        whole, part = made[runs is without]
        found = runs.experiment("shared")
        assert found is not None
        assert runs.experiment("books") is None
        assert runs.find(found.id, {"kind": "step"}) == [part]
        assert runs.find(found.id, {}) == [part, whole]
        assert runs.find(found.id, {}, limit=1) == [part]
        assert runs.find(found.id, {"cached": "yes", "long": "short"}, running=True) == [whole]
        assert runs.find(found.id, {"kind": "step"}, running=True) == []
    with closing(sqlite3.connect(one / "mlflow.db")) as database:
        (place,) = database.execute("SELECT artifact_location FROM experiments WHERE name = 'shared'").fetchone()
    files = [below(local_path(f"{place}/{whole}")) for whole, _ in made]
    assert files[0] == files[1]
    assert files[0]["artifacts/evaluate/inner/数.txt"] == b"1"


def below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "call",
    [
        lambda runs, run: runs.log_params(run, [("known", "2")]),
        lambda runs, run: runs.log_params(run, [("new", "1"), ("a|b", "2")]),
        lambda runs, run: runs.log_metrics(run, [("new", 1.0), ("../up", 2.0)], 0, 1),
        lambda runs, run: runs.log_metrics(run, [("m" * 251, 1.0)], 0, 1),
        lambda runs, run: runs.set_tags(run, {"new": "1", "a//b": "2"}),
        lambda runs, run: runs.set_tags("f" * 32, {"new": "1"}),
        lambda runs, run: runs.log_params("f" * 32, [("new", "1")]),
        lambda runs, run: runs.finish("f" * 32, "FINISHED", 1),
        lambda runs, run: runs.start("99", "films", {}, 1),
    ],
)
def test_what_mlflow_refuses_is_refused_and_leaves_nothing(
    pair: tuple[MlflowRuns, SqliteRuns, Path, Path], call: Callable[[Runs, str], None]
) -> None:
    both: list[Runs] = [pair[0], pair[1]]
    for runs, folder in zip(both, pair[2:], strict=True):
        found = runs.experiment("shared")
        assert found is not None
        run = runs.start(found.id, "films", {}, 1)
        runs.log_params(run, [("known", "1")])
        before = rows(folder)
        with pytest.raises(Exception, match=r".") as refused:
            call(runs, run)
        assert is_store_error(refused.value)
        assert not transient(refused.value)
        assert rows(folder) == before


def test_a_database_that_is_held_is_asked_again_later(
    pair: tuple[MlflowRuns, SqliteRuns, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, runs, _, folder = pair
    monkeypatch.setattr("tasks.tracking.sqlite_runs.WAIT_SECONDS", 0.0)
    with closing(sqlite3.connect(folder / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked") as held:
            runs.start("1", "films", {}, 1)
    assert transient(held.value)
    assert runs.start("1", "films", {}, 1)


def test_a_deleted_experiment_is_found_as_deleted(opened: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    shutil.copyfile(opened / "mlflow" / "mlflow.db", tmp_path / "mlflow" / "mlflow.db")
    tracker = Tracker.open(None, tmp_path, tmp_path / "checkout", "gone")
    tracker._client.delete_experiment(tracker.experiment_id)
    for opener in (open_known, open_any):
        store = opener(tracker.home)
        assert store is not None
        found = store.runs.experiment("gone")
        assert found is not None
        assert not found.active


def test_a_known_store_is_opened_and_written_without_mlflow(opened: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    shutil.copyfile(opened / "mlflow" / "mlflow.db", tmp_path / "mlflow" / "mlflow.db")
    program = (
        "import sys; from pathlib import Path; from tasks.tracking.tracker import Tracker; root = Path(sys.argv[1]); "
        "tracker = Tracker.open(None, root, root / 'checkout', 'shared'); run = tracker.start_run('whole'); "
        "tracker.log_params(run, {'a': 1}); tracker.finish(run); tracker.close(); "
        "print(sorted({'mlflow', 'sqlalchemy', 'pandas'} & sys.modules.keys()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["[]"]
    tracker = Tracker.open(None, tmp_path, tmp_path / "checkout", "shared")
    (run,) = tracker._client.search_runs([tracker.experiment_id])
    assert (run.info.run_name, run.info.status, run.data.params["a"]) == ("whole", "FINISHED", "1")


@pytest.mark.parametrize(
    "place",
    ["s3://bucket", "s3://bucket/a/?region=x", "hdfs://host/a#b", "mlflow-artifacts:/7", "file:/odd%20place", "/odd #place"],
)
def test_files_of_a_run_are_below_its_experiment_s_wherever_that_is(
    pair: tuple[MlflowRuns, SqliteRuns, Path, Path], place: str
) -> None:
    both: list[Runs] = [pair[0], pair[1]]
    found = []
    for runs, folder in zip(both, pair[2:], strict=True):
        with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'shared'", (place,))
        experiment = runs.experiment("shared")
        assert experiment is not None
        run = runs.start(experiment.id, "films", {}, 1)
        with closing(sqlite3.connect(folder / "mlflow.db")) as database:
            (uri,) = database.execute("SELECT artifact_uri FROM runs").fetchone()
        found.append(uri.replace(run, "run"))
    assert found[0] == found[1]


def test_files_that_a_server_keeps_are_not_written_to_the_current_folder(
    pair: tuple[MlflowRuns, SqliteRuns, Path, Path], report: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, runs, _, folder = pair
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/1' WHERE name = 'shared'")
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    run = runs.start("1", "films", {}, 1)
    with pytest.raises(Exception, match="mlflow-artifact") as refused:
        runs.log_files(run, report, None)
    assert is_store_error(refused.value)
    assert not list((tmp_path / "current").iterdir())


def test_a_database_that_is_gone_is_not_made_anew(pair: tuple[MlflowRuns, SqliteRuns, Path, Path]) -> None:
    _, runs, _, folder = pair
    run = runs.start("1", "films", {}, 1)
    (folder / "mlflow.db").unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open") as gone:
        runs.set_tags(run, {"new": "1"})
    assert transient(gone.value)
    assert not list(folder.glob("mlflow.db*"))


def test_a_text_that_is_not_utf_8_is_refused_and_does_not_end_the_run(pair: tuple[MlflowRuns, SqliteRuns, Path, Path]) -> None:
    _, runs, _, _ = pair
    run = runs.start("1", "films", {}, 1)
    with pytest.raises(RefusedError, match="cannot be kept"):
        runs.set_tags(run, {"warnings": "caf\udce9.txt"})
    assert runs.find("1", {"warnings": "caf"}) == []


@pytest.mark.parametrize("opener", [lambda uri, root, checkout: Tracker.open(uri, root, checkout, "shared"), open_to_read])
def test_a_damaged_store_is_told_in_a_line(opened: Path, tmp_path: Path, opener: Callable[..., object]) -> None:
    (tmp_path / "mlflow").mkdir()
    shutil.copyfile(opened / "mlflow" / "mlflow.db", tmp_path / "mlflow" / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow" / "mlflow.db")) as database, database:
        database.execute("DROP TABLE experiment_tags")
    with pytest.raises(RequestError, match="cannot be opened"):
        opener(None, tmp_path, tmp_path / "checkout")
