"""A data root that cannot be written: read-only mounts, another user's folders, and what is said of them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tasks.store.artifact import Store
from tasks.tracking.tracker import Tracker
from tasks.writable import check_data_root, make_data_root, writable
from tests.command_line import run_here

CHECKOUT = Path(__file__).parents[1]
ReadOnly = Callable[[Path], Path]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[ReadOnly]:
    """Show a folder where nothing can be written; skipped where this user may not mount."""
    mounted: list[Path] = []

    def show(folder: Path) -> Path:
        place = tmp_path / f"read-only {len(mounted)}"
        place.mkdir()
        commands = (["mount", "--bind", str(folder), str(place)], ["mount", "-o", "remount,bind,ro", str(place)])
        for number, command in enumerate(commands):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"this user may not mount ({done.stderr.strip()})")
            if number == 0:
                mounted.append(place)
        return place

    yield show
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)  # lazily: this process has files of it open


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a store of runs and a monitor."""
    root = tmp_path / "root"
    tracker = Tracker.open(None, root, root / "checkout", "films")
    tracker.finish(tracker.start_run("run"))
    with MonitorState.open(root, "desk") as state, state.refresh(model="films/1", labels=["negative"]):
        pass
    with Store(root).reading():
        pass
    return root


def command(*arguments: str, data_root: Path) -> subprocess.CompletedProcess[str]:
    return run_here(*arguments, "--runtime.data-root", str(data_root), variables={})  # of no server of other tests


def test_what_is_there_is_read_where_nothing_can_be_written(root: Path, read_only: ReadOnly) -> None:
    place = read_only(root)
    assert not writable(place / "mlflow")
    assert Tracker.open(None, place, place / "checkout", None).registry.names() == []
    with MonitorState.read(place, "desk") as state:
        assert [refresh["model"] for refresh in state.refreshes()] == ["films/1"]
    with Store(place).reading():
        pass


def test_what_only_the_log_of_a_monitor_holds_is_read_too(root: Path, read_only: ReadOnly, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with MonitorState.open(root, "desk") as state:
        with state.refresh(model="films/2", labels=["negative"]):
            pass
        shutil.copytree(root, copy)  # while it is open: the last refresh is in the log alone
    assert (copy / "monitor" / "desk" / "state.db-wal").stat().st_size > 0
    with MonitorState.read(read_only(copy), "desk") as state:
        assert [refresh["model"] for refresh in state.refreshes()] == ["films/1", "films/2"]


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        ["train", "--ingest.path", str(CHECKOUT / "data" / "sample")],
        ["refresh", "--collect.source", str(CHECKOUT / "README.md")],
        ["up"],
        ["gc"],
        ["models", "rollback"],
        ["deploy", "--train-preset", "sample"],
    ],
    ids=lambda words: words[0],
)
def test_what_writes_ends_with_2_and_names_the_knob(root: Path, read_only: ReadOnly, words: list[str]) -> None:
    done = command(*words, data_root=read_only(root))
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("textmill: ")]
    assert "--runtime.data-root" in line
    assert "read-only disk" in line


@pytest.mark.long
def test_doctor_says_that_nothing_can_be_written_and_checks_the_rest(root: Path, read_only: ReadOnly) -> None:
    done = command("doctor", data_root=read_only(root))
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1, failed
    assert "data root" in failed[0]
    assert "--runtime.data-root" in failed[0]


def test_a_place_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mlflow", "runs"):
        (tmp_path / name).mkdir()
    check_data_root(tmp_path)
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: path != tmp_path / "runs" and real(path, mode)
    )  # as root has no such place
    with pytest.raises(RequestError, match=r"--runtime\.data-root .*runs is not writable for user"):
        check_data_root(tmp_path)


def test_a_data_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"--runtime\.data-root .* cannot be made"):
        make_data_root(tmp_path / "file" / "root")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become another user")
def test_another_user_reads_what_was_made_readable_and_is_told_what_was_not(root: Path) -> None:
    for place in (root, *root.parents):
        if place != Path("/"):
            place.chmod(place.stat().st_mode | 0o005)
    words = [sys.executable, "-m", "flows.commands", "models", "list", "--runtime.data-root", str(root)]
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *words]
    environment = {**os.environ, "HOME": "/nonexistent"}
    done = subprocess.run(nobody, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be read by this user; run as its owner" in done.stderr
    (root / "mlflow").chmod(0o755)
    (root / "mlflow" / "mlflow.db").chmod(0o644)
    done = subprocess.run(nobody, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
