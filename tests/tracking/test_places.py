"""A store that was copied, moved or restored: its own files are read and written, never those of where it was before."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tasks.tracking.places import Places, local_path
from tasks.tracking.registry import TamperedModel
from tasks.tracking.tracker import Tracker


def opened(root: Path, experiment: str | None = "films") -> Tracker:
    return Tracker.open(None, root, root / "checkout", experiment)


def run_with_a_file(root: Path, name: str = "report.txt") -> str:
    tracker = opened(root)
    (root / name).write_text(name)
    run = tracker.start_run("run")
    tracker.log_artifacts(run, root / name)
    tracker.finish(run)
    return run


def tree(root: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def files(root: Path) -> set[str]:
    artifacts = root / "mlflow" / "artifacts"
    return {path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file()}


def recorded(root: Path) -> set[str]:
    """The folders of all files that the database names."""
    with sqlite3.connect(root / "mlflow" / "mlflow.db") as database:
        rows = database.execute("SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM experiments").fetchall()
    return {str(local_path(place)) for (place,) in rows if place.startswith("file:")}


@pytest.fixture
def original(data_root: Path) -> Path:
    """A store in a folder with blanks and signs, with one run that has a file."""
    root = data_root / "the original #1 数据"
    (root / "mlflow").mkdir(parents=True)
    shutil.copyfile(data_root / "mlflow" / "mlflow.db", root / "mlflow" / "mlflow.db")
    run_with_a_file(root, "first.txt")
    return root


def test_a_copy_writes_nothing_into_the_original(original: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy, before = tmp_path / "the copy?", tree(original)
    shutil.copytree(original, copy)
    run = run_with_a_file(copy, "second.txt")
    assert tree(original) == before
    assert f"films/{run}/artifacts/second.txt" in files(copy)
    assert all(place.startswith(str(copy)) for place in recorded(copy))
    assert "was in " + str(original / "mlflow") in caplog.text
    caplog.clear()
    run_with_a_file(copy)
    assert caplog.text == ""  # said once


@pytest.mark.parametrize("again", [1, 2])
def test_a_moved_store_finds_its_files_and_makes_nothing_where_it_was(original: Path, tmp_path: Path, again: int) -> None:
    at = original
    for number in range(again):
        at = at.rename(tmp_path / f"moved {number}")
    run = run_with_a_file(at, "second.txt")
    assert not original.exists()
    assert len(files(at)) == 2
    assert local_path(opened(at)._client.get_run(run).info.artifact_uri).is_dir()


def test_what_a_copy_wrote_into_the_original_is_brought_home(original: Path, tmp_path: Path) -> None:
    """Earlier versions left the places as they were, so the files of the copy's runs are in the original."""
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    tracker = opened(original)
    (original / "lost.txt").write_text("lost")
    run = tracker.start_run("in the copy's database alone")
    tracker.log_artifacts(run, original / "lost.txt")
    shutil.copyfile(original / "mlflow" / "mlflow.db", copy / "mlflow" / "mlflow.db")
    before = tree(original)
    assert f"films/{run}/artifacts/lost.txt" not in files(copy)
    opened(copy)
    assert f"films/{run}/artifacts/lost.txt" in files(copy)
    assert tree(original) == before


def test_reading_a_copy_changes_nothing_and_says_nothing(
    original: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    before = (copy / "mlflow" / "mlflow.db").read_bytes()
    tracker = opened(copy, None)
    assert [str(local_path(former)) for former in tracker.places.former] == [str(original / "mlflow" / "artifacts")]
    assert (copy / "mlflow" / "mlflow.db").read_bytes() == before
    assert caplog.text == ""


def test_a_link_or_another_mount_of_the_same_folder_is_no_move(original: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(original)
    before = recorded(original)
    assert opened(tmp_path / "link").places.former == ()
    assert recorded(original) == before


def test_an_experiment_whose_files_were_put_elsewhere_on_purpose_is_left_there(original: Path, tmp_path: Path) -> None:
    place = (tmp_path / "large disk" / "artifacts" / "own").as_uri()
    opened(original)._client.create_experiment("own", artifact_location=place)
    assert opened(original, "own").places.former == ()
    assert str(local_path(place)) in recorded(original)


def test_a_database_on_a_server_keeps_its_places_while_the_folder_is_there(tmp_path: Path) -> None:
    former = (tmp_path / "before" / "artifacts").as_uri()
    places = Places(tmp_path / "now" / "artifacts", (former,))
    assert places.here(f"{former}/c/run%201/artifacts") == (tmp_path / "now/artifacts/c/run 1/artifacts").as_uri()
    (tmp_path / "before/artifacts/c/run 1/artifacts").mkdir(parents=True)
    assert places.here(f"{former}/c/run%201/artifacts") == f"{former}/c/run%201/artifacts"  # it is only there
    assert places.here(f"{former}/c/x", to_write=True) == (tmp_path / "now/artifacts/c/x").as_uri()
    assert places.here("s3://bucket/artifacts/c") == "s3://bucket/artifacts/c"
    assert places.here(f"{former}x/c") == f"{former}x/c"


def test_a_registered_version_is_read_from_the_copy_and_its_files_are_missed_by_name(original: Path, tmp_path: Path) -> None:
    package = tmp_path / "work" / "package"
    package.mkdir(parents=True)
    (package / "package.json").write_text("{}")
    opened(original).registry.add_version("films", package, "d1", ["numpy"], {}, None)
    copy = tmp_path / "copy #2"
    shutil.copytree(original, copy)
    shutil.rmtree(original)
    for experiment in (None, "films"):  # before and after today's places are in the database
        registry = opened(copy, experiment).registry
        folder = registry.verify(registry.version("films", 1))
        assert folder.is_relative_to(copy)
        registry.verify_at_source(registry.version("films", 1))
    shutil.rmtree(folder)
    with pytest.raises(TamperedModel, match="no folder") as missed:
        registry.verify(registry.version("films", 1))
    assert str(folder) in str(missed.value)


def test_what_an_interrupted_registration_left_in_the_original_is_not_removed_from_a_copy(
    original: Path, tmp_path: Path
) -> None:
    tracker = opened(original)
    marked = {"textmill.registering": "films"}
    logged = tracker._client.create_logged_model(tracker.experiment_id, name="model", tags=marked)
    place = local_path(logged.artifact_location)
    place.mkdir(parents=True)
    (place / "weights").write_text("half")
    shutil.copytree(original, tmp_path / "copy")
    before = tree(original)
    opened(tmp_path / "copy").registry.sweep("films")
    assert tree(original) == before
    assert not any("weights" in name for name in files(tmp_path / "copy"))
