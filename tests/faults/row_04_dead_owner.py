"""A dead owner never blocks: whatever lock a killed run held, the next one goes on within two seconds.

A trial has a process take one kind of lock and work, kills it with SIGKILL, and measures how long after that another process,
which waits already or comes later, has done what it wanted the lock for.
"""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.align.settings import AlignConfig
from tasks.durable import locked
from tasks.isolation import run_isolated
from tasks.monitor.state import MonitorState
from tasks.store.artifact import Build, Store
from tasks.store.step import Run, step
from tasks.store.sweep import sweep
from tasks.tracking.home import tracking_home
from tasks.tracking.spool import Spool
from tests.faults.forks import KILLED, Child
from tests.patience import HANGS_SECONDS
from tests.steps import alone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

NUMBER = 4
PROMISE = (
    "A dead owner never blocks: the holder of a lock (a key of the store, with its work here or in a child process; the store "
    "against gc and back; a monitor; a model; a database's or a server's first start; a spool) is killed, and the next run, "
    "new or waiting already, goes on within 2 s"
)
TAKEN_OUT = "the store locks by the existence of a file, not by `flock`: 8 of 18 trials fail, all that are about the store"
GOES_ON_SECONDS = 2.0
LONG_SECONDS = 600.0
URI = "http://127.0.0.1:9"

if TYPE_CHECKING:
    Work = Callable[[], None]
    Owner = Callable[[Path, Work], object]  # takes the lock below a data root, and calls the function while it holds it


class Lock(NamedTuple):
    """Who is killed, and who comes next.

    `waits` unless the next one is refused while the owner lives; `in_child` if the owner goes on to work in a child process.
    """

    first: Owner
    second: Owner
    waits: bool = True
    in_child: bool = False


@step()
def slow(build: Build, config: AlignConfig, run: Run) -> dict[str, int]:
    """Write half of a file, and work on."""
    (build.folder / "half").write_text("half")
    run.started("work")
    return {}


@step()
def isolated(build: Build, config: AlignConfig, run: Run) -> dict[str, int]:
    """Begin in a child process that works on, as fastText's does, the first time."""
    (build.folder / "half").write_text("half")
    again = build.scratch / "again"
    if not again.exists():
        again.touch()
        run.started("child")
        run_isolated(time.sleep, LONG_SECONDS)
    run.started("work")
    return {}


def build_step(made: Callable[..., object], signal: str, root: Path, work: Work) -> None:
    made(Run(Store(root), started=lambda what: work() if what == signal else None), AlignConfig())


def read_store(root: Path, work: Work) -> None:
    with Store(root).reading():
        work()


def collect_garbage(root: Path, work: Work) -> None:
    Store(root).root.mkdir(parents=True, exist_ok=True)
    with Store(root).exclusive():
        work()


def sweep_store(root: Path, work: Work) -> None:
    sweep(root, keep_runs=1)


def refresh(root: Path, work: Work) -> None:
    with MonitorState.open(root, "desk") as state, state.refresh():
        work()


def in_tracking(name: str, root: Path, work: Work) -> None:
    with tracking_home(None, root, root / "checkout").locked(name):
        work()


def start_server(root: Path, work: Work) -> None:
    with locked(root / "start.lock"):
        work()


def spool(root: Path, work: Work) -> None:
    Spool(root, URI).add({"op": "tags"})
    work()


def send_spool(root: Path, work: Work) -> None:
    calls: list[object] = []
    Spool(root, URI).send_left_behind(calls.append)
    if len(calls) != 1:
        raise AssertionError(f"{len(calls)} calls were sent, 1 was left")


def both(owner: Owner) -> Lock:
    return Lock(owner, owner)


LOCKS = {
    "a key of the store": both(functools.partial(build_step, alone(slow), "work")),
    "a key of the store, work in a child": Lock(
        functools.partial(build_step, alone(isolated), "child"),
        functools.partial(build_step, alone(isolated), "work"),
        in_child=True,
    ),
    "the store, then gc": Lock(read_store, sweep_store, waits=False),
    "gc, then a run": Lock(collect_garbage, read_store),
    "a monitor": both(refresh),
    "a model": both(functools.partial(in_tracking, "model-news")),
    "the first start of a database": both(functools.partial(in_tracking, "mlflow")),
    "the start of a server": both(start_server),
    "a spool": Lock(spool, send_spool, waits=False),
}
COUNT = 50 * len(LOCKS)


def dies(lock: Lock, random: Random, folder: Path) -> str | None:
    """Kill the owner; wrong is a next run that fails, or comes later than the limit."""
    ready = folder / "ready"

    def hold() -> None:
        ready.touch()
        if not lock.in_child:
            time.sleep(LONG_SECONDS)

    with Child(lock.first, folder, hold) as owner:
        deadline = time.monotonic() + HANGS_SECONDS
        while not ready.exists():
            if time.monotonic() > deadline:
                return "the owner never held the lock"
            time.sleep(0.002)
        waits = lock.waits and random.random() < 0.5
        time.sleep(random.uniform(0.0, 0.05))
        with contextlib.ExitStack() as stack:
            following = []
            if waits:
                following.append(stack.enter_context(Child(next_run, lock.second, folder)))
                time.sleep(random.uniform(0.0, 0.1))
            killed = time.monotonic()
            if owner.kill() != KILLED:
                return f"the owner had ended before: {owner.said}"
            following.append(stack.enter_context(Child(next_run, lock.second, folder)))
            for child in following:
                if child.wait():
                    return child.said
                if child.result - killed > GOES_ON_SECONDS:
                    return f"the next run came {child.result - killed:.1f} s later"
    return None


def next_run(second: Owner, root: Path) -> float:
    """Do what the lock is wanted for; when that was done, on the clock that all processes share."""
    second(root, lambda: None)
    return time.monotonic()


CASES = {name: functools.partial(dies, lock) for name, lock in LOCKS.items()}
