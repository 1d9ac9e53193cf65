"""Kills of the whole `textmill train`: its main process alone, with the Prefect server that it has started around it.

Row 1 kills the steps; here the command is killed, while it imports, starts its server, asks Prefect, works, or ends. It is then
repeated, at once or when its server has left. What is there afterwards must be what a command that was left alone has made, and
nothing else: no process, no lock that is held, no run that Prefect shows as running, nothing half-written.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from tasks.crash import VARIABLE
from tests.faults.command import Command, compare, digests, held_locks, processes
from tests.faults.forks import KILLED
from tests.faults.row_01_kills import DECISIONS, POINTS
from tests.faults.steps import KNOBS
from tests.faults.trained import make_corpus
from tests.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

NUMBER = 17
PROMISE = (
    "A kill of the whole `textmill train` at any moment (SIGKILL of its main process, at named points, those before its first "
    "word to Prefect and to MLflow included, and at moments drawn by "
    "chance, its own Prefect server around it) leaves nothing that hinders: the same command ends with the same bytes, one "
    "version, no step built twice, no process of either left, no lock held, no run that Prefect shows as running, nothing "
    "half-written"
)
COUNT = 48
LIMIT_SECONDS = 1200  # on a machine that may be busy
TAKEN_OUT = "a run's own server does not look whether anybody is left: 1 of 1 trial fails, the server runs on"
NAME = "news"
# Prefect has a run that does not run yet; shows it as running; its record is written; MLflow has a run of it.
BEFORE = ("flow.noted", "flow.running", "run.noted", "run.started")
LEAVE_SECONDS = 30.0  # within which a server that nobody uses has left; it looks every half second


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """The command that is left alone."""
    make_corpus(folder / "news", 20)
    root, start = folder / "alone" / "root", time.monotonic()
    with Command(root, folder / "news", NAME, KNOBS, {}) as command:
        if command.wait():
            raise RuntimeError(command.said())
    (folder / "alone.json").write_text(json.dumps([digests(root), time.monotonic() - start]))
    yield


def at_a_point(points: Sequence[str], random: Random, folder: Path) -> str | None:
    """Kill at one of the named points."""
    point = random.choice(points)
    with begin(folder, {VARIABLE: point}) as command:
        if command.wait() != KILLED:
            return f"{point} was not reached: {command.said()}"
    wrong = again(random, folder)
    return f"{point}: {wrong}" if wrong else None


def by_chance(random: Random, folder: Path) -> str | None:
    """Kill at some moment, unless the command is faster today."""
    _, seconds = json.loads((folder.parent / "alone.json").read_text())
    moment = random.uniform(0.0, seconds)
    with begin(folder) as command:
        time.sleep(moment)
        code = command.kill()
    wrong = f"exit code {code}: {command.said()}" if code not in (KILLED, 0) else again(random, folder)
    return f"after {moment:.1f} of {seconds:.1f} s: {wrong}" if wrong else None


def begin(folder: Path, variables: dict[str, str] | None = None) -> Command:
    """The command on the data root of a trial."""
    return Command(folder / "root", folder.parent / "news", NAME, KNOBS, variables or {})


def again(random: Random, folder: Path) -> str | None:
    """What is wrong with what a kill has left, or with the repetition."""
    root = folder / "root"
    if random.random() < 0.3 and (left := processes(root, within=LEAVE_SECONDS)):
        return f"{left} run on after the kill"
    whole, _ = json.loads((folder.parent / "alone.json").read_text())
    finished = digests(root)  # raises for an artifact that is not whole
    if other := [step for step, digest in finished.items() if digest != whole[step]]:
        return f"{other} were left with other bytes"
    with begin(folder) as command:
        if code := command.wait():
            return f"the repetition's exit code is {code}: {command.said()}"
        made = command.result()
    if left := processes(root, within=LEAVE_SECONDS):
        return f"{left} run on after the repetition"
    if twice := [step for step in STEPS if step in finished and not made["stages"][step]["cached"]]:
        return f"{twice} had been finished and were built again"
    return compare(root, whole) or known(root, made)


def known(root: Path, made: dict[str, Any]) -> str | None:
    """What is wrong with the records of both commands: MLflow's, Prefect's, the runs' own, and the locks."""
    (versions,) = query(root / "mlflow" / "mlflow.db", "select count(*) from model_versions where name = ?", NAME)
    if versions != (1,) or made["decision"] not in DECISIONS:
        return f"{versions[0]} versions are registered, the decision is {made['decision']}"
    states = [state for (state,) in query(root / "prefect" / "prefect.db", "select state_type from flow_run")]
    if {"PENDING", "RUNNING"} & set(states) or states.count("COMPLETED") < 1:
        return f"Prefect shows the runs as {states}"
    runs = [status for (status,) in query(root / "mlflow" / "mlflow.db", "select status from runs")]
    if "RUNNING" in runs:
        return f"MLflow shows the runs as {runs}"
    if "running" in (statuses := [json.loads(path.read_bytes())["status"] for path in (root / "runs").glob("*.json")]):
        return f"the records of the runs say {statuses}"
    if held := held_locks(root, within=LEAVE_SECONDS):
        return f"{held} are held"
    waiting = [path.name for area in ("spool", "unreported", "running") for path in (root / "runs" / area).glob("*")]
    return f"not reported: {waiting}" if waiting else None


def query(database: Path, question: str, *values: str) -> list[tuple[Any, ...]]:
    """The rows of an answer of a database that nobody uses."""
    with contextlib.closing(sqlite3.connect(database)) as opened:
        return opened.execute(question, values).fetchall()


CASES = {
    "at a point of its steps": functools.partial(at_a_point, sorted(POINTS)),
    "at a point before them": functools.partial(at_a_point, BEFORE),
    "by chance": by_chance,
}
