"""Run a command; say its exit code, wall and CPU seconds, and the largest anonymous memory (RssAnon) of its processes.

    python -m benchmarks.measure textmill train --preset imdb --ingest.archive aclImdb_v1.tar.gz

Memory maps do not count. The process tree is sampled twenty times a second, so a shorter peak may be missed. What outlives the
command (textmill's Prefect server leaves a second after the last run) belongs to the CPU seconds, not to the wall seconds.
What the command prints goes where it always goes; the measurement is the last line of stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SAMPLE_SECONDS, FINEST_SECONDS = 0.05, 0.005  # between looks at the memory; the finest at the start, for short commands
LEAVE_SECONDS = 20.0  # what the command left running has so long to end by itself
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class Measurement:
    """What one command cost. Memory in MB (2**20 bytes): of its largest process, and of all of them at one moment."""

    returncode: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    tree_peak_mb: float
    timed_out: bool = False
    others: float = 0.0  # cores that other programs kept busy meanwhile


def measure(
    command: Sequence[str],
    *,
    limit_seconds: float = float("inf"),
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Measurement:
    """Run `command` to its end, or kill it and all that it started after `limit_seconds`."""
    # Orphans of the command (a server that it started) become children of this process, so they are seen and waited for.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    known, cpu_before, busy_before, start = _own_children(), _children_cpu(), _busy_seconds(), time.monotonic()
    peak = tree_peak = 0.0
    process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment, cwd=folder, start_new_session=True)
    try:
        while process.poll() is None and time.monotonic() - start < limit_seconds:
            sizes = [anonymous_mb(pid) for pid in descendants(process.pid)]
            peak, tree_peak = max([peak, *sizes]), max(tree_peak, sum(sizes))
            time.sleep(min(SAMPLE_SECONDS, FINEST_SECONDS + (time.monotonic() - start) / 100))
        seconds = time.monotonic() - start
        timed_out = process.poll() is None
    finally:
        if process.poll() is None:
            _kill(descendants(process.pid))
            process.wait()
        _wait_for_orphans(known, 0.0 if process.returncode < 0 else LEAVE_SECONDS)
    cpu_seconds, whole = _children_cpu() - cpu_before, time.monotonic() - start
    others = max(0.0, _busy_seconds() - busy_before - cpu_seconds) / whole
    return Measurement(process.returncode, seconds, cpu_seconds, peak, tree_peak, timed_out, others)


def descendants(pid: int) -> list[int]:
    """A process and all that it started, as far as they are still its children."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [each for child in children.read_text().split() for each in descendants(int(child))]
        except OSError:  # it has just ended
            continue
    return found


def anonymous_mb(pid: int) -> float:
    """RssAnon of one process in MB (2**20 bytes); 0 if it has just ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def _busy_seconds() -> float:
    """CPU seconds of all programs of this machine since it started; 0 where it does not say (other than Linux)."""
    try:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _own_children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(child) for children in tasks for child in children.read_text().split()}


def _wait_for_orphans(known: set[int], patience_seconds: float) -> None:
    """Reap the children that came to this process since it had those `known`; what does not end in time is killed."""
    deadline = time.monotonic() + patience_seconds
    while orphans := _own_children() - known:
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            _kill(each for pid in orphans for each in descendants(pid))
        time.sleep(SAMPLE_SECONDS)


def main() -> int:
    """Measure the command of the arguments and pass its exit code on."""
    done = measure(sys.argv[1:])
    print(
        f"exit {done.returncode}, {done.seconds:.1f} s, {done.cpu_seconds:.1f} CPU s, "
        f"largest RssAnon {done.peak_mb:.0f} MB, of all processes {done.tree_peak_mb:.0f} MB",
        file=sys.stderr,
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
