"""A Dask cluster whose scheduler is killed, stopped, or not there: one line, within a minute, and the work can be repeated."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from tasks.engine.dask_cluster import DaskCluster
from tasks.errors import UnavailableError
from tests.clusters import Cluster
from tests.faults.row_25_workers import labelled, moment, prepare, prepared, under_way

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

__all__ = ["prepare"]

NUMBER = 28
PROMISE = (
    "A Dask cluster that goes away ends the work with one line and hangs nothing: its scheduler is killed or stopped after "
    "a part drawn by chance, or there was never one at the address, or one without a worker; within 75 s it is told, no part "
    "of a result is left, and the same work, repeated with a cluster, makes the same bytes"
)
TAKEN_OUT = "a cancelled call is not taken for a lost scheduler: 1 of 2 trials that kill one ends in an exception of Dask's"
LIMIT_SECONDS = 600
WITHIN_SECONDS = 75.0  # a scheduler that says nothing is given 30 s, a cluster without workers 60 s
FIGURES: list[str] = []


def lost(work: Any, how: str) -> Callable[[Random, Path], str | None]:
    """A trial in which the scheduler goes away in the midst of `work`."""

    def trial(random: Random, folder: Path) -> str | None:
        with Cluster(folder / "cluster") as made:
            worker = made.start_worker()
            DaskCluster(made.address).check()
            scheduler, gone = made.scheduler, [0.0]
            assert scheduler is not None

            def happens() -> None:
                gone[0] = time.monotonic()
                if how == "no worker is left":
                    made.kill(worker)
                else:
                    os.killpg(scheduler.pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)

            if wrong := _ended(lambda: under_way(work, made, folder, happens, moment(work, random)), gone):
                return wrong
            if left := [path.name for name in ("*scored.parquet*", "out/.tok*") for path in folder.glob(name)]:
                return f"{left} are left"
        with Cluster(folder / "again") as again:
            again.start_worker()
            return under_way(work, again, folder, lambda: None, 0)

    return trial


def never_there(random: Random, folder: Path) -> str | None:
    """Nobody listens at the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return _ended(lambda: prepared(DaskCluster(f"tcp://127.0.0.1:{port}"), folder), [time.monotonic()])


def silent(random: Random, folder: Path) -> str | None:
    """Something that is no scheduler listens at the address and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        return _ended(lambda: prepared(DaskCluster(f"tcp://127.0.0.1:{port}"), folder), [time.monotonic()])


def empty(random: Random, folder: Path) -> str | None:
    """A scheduler without a worker."""
    with Cluster(folder / "cluster") as made:
        return _ended(lambda: prepared(DaskCluster(made.address), folder), [time.monotonic()])


def _ended(work: Callable[[], object], gone: list[float]) -> str | None:
    """Whether the work ended with one line, and in time after what `gone` says."""
    try:
        found = work()
    except UnavailableError as error:
        took = time.monotonic() - gone[0]
        line = str(error)
        if "\n" in line or "--runtime.address" not in line:
            return f"it said: {line}"
        if took > WITHIN_SECONDS:
            return f"it took {took:.0f} s"
        FIGURES.append(f"{line.partition(': ')[2][:40]}: after {took:.0f} s")
        return None
    return found if isinstance(found, str) else "nobody noticed"


HOW = ("killed", "stopped", "no worker is left")
CASES: dict[str, Any] = {f"{work.__name__}: {how}": lost(work, how) for how in HOW for work in (prepared, labelled)}
CASES |= {"never there": never_there, "silent": silent, "empty": empty}
COUNT = 2 * len(CASES)
