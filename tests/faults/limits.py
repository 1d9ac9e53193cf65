"""So many cores and so much memory for what a trial starts, and how much of it was taken."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import anonymous_mb, descendants

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_SECONDS = 0.25  # between looks at the memory


class Memory:
    """Watches the anonymous memory of a control group's processes, or else of this one's, in a thread."""

    def __init__(self, group: Path | None) -> None:
        self.group, self.peak_mb = group, 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            pids = members(self.group) if self.group else descendants(os.getpid())[1:]
            self.peak_mb = max(self.peak_mb, sum(map(anonymous_mb, pids)))


@contextlib.contextmanager
def on_cores(number: int) -> Iterator[None]:
    """Let this process and what it starts use so many cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def limited(limit_bytes: int) -> Iterator[Path | None]:
    """A control group (version 2, else 1) whose processes get no more memory than that; None where none can be made.

    What is still in it at the end is ended: the Prefect server, which leaves by itself a little later.
    """
    group = make_group(limit_bytes)
    try:
        yield group
    finally:
        if group is not None:
            while pids := members(group):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.1)
            group.rmdir()


def make_group(limit_bytes: int) -> Path | None:
    """A new group that is limited, below the folder of the version that this machine has."""
    for parent, limit in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        group = Path("/sys/fs/cgroup", parent, f"textmill-{os.getpid()}")
        if (group.parent / "cgroup.procs").exists():
            with contextlib.suppress(OSError):
                group.mkdir()
                try:
                    (group / limit).write_text(str(limit_bytes))
                    return group
                except OSError:
                    group.rmdir()
    return None


def members(group: Path) -> list[int]:
    """The processes of a control group."""
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
