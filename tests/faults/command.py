"""The command `textmill train` in a process of its own, seen from outside: what it says and when, its end, what it leaves."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil

from tasks.checkout import CHECKOUT
from tasks.store.artifact import Store
from tests.faults.row_02_store import artifacts
from tests.patience import HANGS_SECONDS

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MARK = "FAULTS_TRIAL"  # in the environment of a command and of all that it starts
LONGEST_SECONDS = HANGS_SECONDS


class Command:
    """`textmill train --json` on a data root; use it as a context manager, so that none outlives a trial.

    Nothing of the developer's environment that could name another server reaches it. `lines` are what it has said on stderr,
    each with the time of `time.monotonic`.
    """

    def __init__(self, root: Path, corpus: Path, name: str, knobs: list[str], variables: dict[str, str]) -> None:
        foreign = ("PREFECT_", "MLFLOW_", "TEXTMILL_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own |= {"HOME": str(root.parent), "OMP_WAIT_POLICY": "PASSIVE", MARK: str(root)}
        given = ["--name", name, "--ingest.path", str(corpus), "--runtime.data-root", str(root), *knobs, "--json"]
        self.lines: list[tuple[float, str]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.commands", "train", *given],
            cwd=CHECKOUT,
            env=own | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._said: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_result)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Command:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def reaches(self, word: str) -> bool:
        """Wait for a line that begins with the word; False if it ends without one."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            if any(line.startswith(word) for _, line in self.lines):
                return True
            if ended:
                return False
            time.sleep(0.02)
        raise TimeoutError(f"{word} was not reached in {LONGEST_SECONDS:.0f} s")

    def runs(self) -> bool:
        """Whether its main process has not ended."""
        return self._process.poll() is None

    def kill(self) -> int:
        """End its main process with SIGKILL if it still runs; its exit code."""
        self._process.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = self._process.wait(timeout=LONGEST_SECONDS)
        for reader in self._readers:  # what it started may hold the other end
            reader.join()
        return code

    def result(self) -> dict[str, Any]:
        """What it has printed for machines."""
        return dict(json.loads("".join(self._said)))

    def said(self) -> str:
        """Its last words on stderr."""
        return " / ".join(line for _, line in self.lines)[-1000:]

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def _read_result(self) -> None:
        assert self._process.stdout is not None
        self._said.append(self._process.stdout.read())


def digests(root: Path) -> dict[str, str]:
    """Step -> digest of its artifact; raises for an artifact that is not whole or a step that has two."""
    store, found = Store(root), {}
    for path in artifacts(store.root):
        artifact = store.verify(path.parent.name, path.name)
        if artifact.step in found:
            raise AssertionError(f"{artifact.step} has two artifacts")
        found[artifact.step] = artifact.digest
    return found


def compare(root: Path, whole: dict[str, str]) -> str | None:
    """What is wrong with the artifacts of a run that has come to its last step, given those of one that was left alone."""
    found = digests(root)
    other = [step for step in whole if found.get(step) != whole[step]]
    left = [each.name for area in (".building", ".scratch", ".damaged") for each in (root / "store" / area).glob("*")]
    left += [each.name for each in (root / "runs").glob(".*.part")]
    if other:
        return f"{other} are other than those of the run that was left alone"
    return f"left over: {left}" if left else None


def processes(root: Path, *, within: float) -> list[str]:
    """What still runs of all that a command on this data root has started, after some seconds of grace."""
    deadline = time.monotonic() + within
    while True:
        found = [each for each in psutil.process_iter() if _mark(each) == str(root)]
        if not found or time.monotonic() > deadline:
            return [f"{each.pid} {each.name()}" for each in found]
        time.sleep(0.2)


def _mark(process: psutil.Process) -> str | None:
    with contextlib.suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return str(process.environ().get(MARK))
    return None


def held_locks(root: Path, *, within: float = 10.0) -> list[str]:
    """The lock files below a data root that somebody still holds after some seconds of grace.

    A process that ends lets go of its memory, and so of the environment that `processes` knows it by, 20 ms before its locks.
    """
    deadline = time.monotonic() + within
    while True:
        held = [path.name for path in root.rglob("*.lock") if _is_held(path)]
        if not held or time.monotonic() > deadline:
            return held
        time.sleep(0.2)


def _is_held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
