"""A sweep on the workers of two hosts: shared steps are built once, each run registers a version, a lost run is repeated.

Hosts are as in row 29: one kernel, one clock, and here two cores that all of them share.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.command_line import TEXTMILL
from tests.hosts import CHECKOUT, Host, Team, sample_of, team
from tests.patience import until
from tests.s3 import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 30
SEEDS = 8
PROMISE = (
    f"A sweep of {SEEDS} seeds on the workers of two hosts, with homes and data roots of their own, builds ingest and prepare "
    f"once and registers {SEEDS} versions; and so on one worker, and where one of two hosts dies during a training"
)
TAKEN_OUT = (
    "a build does not look into the bucket first: 1 of 1 sweeps builds ingest and prepare twice; a lost run is not started "
    "again: 1 of 1 sweeps ends without it"
)
LIMIT_SECONDS = 3600
SHARED = ("ingest", "prepare")
FIGURES: list[str] = []
TEAM: list[Team] = []
WALL: dict[str, float] = {}


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Servers and two hosts."""
    with team(folder / "team") as made:
        TEAM[:] = [made]
        yield


def two_workers(random: Random, folder: Path) -> str | None:
    """All seeds on two workers."""
    return _timed("two workers", random, folder, at_once=2)


def one_worker(random: Random, folder: Path) -> str | None:
    """The same with one worker."""
    wrong = _timed("one worker", random, folder, at_once=1)
    if not wrong and "two workers" in WALL:
        FIGURES.append(
            f"{SEEDS} seeds took {WALL['two workers']:.0f} s on two workers and {WALL['one worker']:.0f} s on one, "
            f"{WALL['two workers'] / WALL['one worker']:.2f} of it, on two cores at a load of {os.getloadavg()[1]:.0f}"
        )
    return wrong


def host_dies(random: Random, folder: Path) -> str | None:
    """The same on two workers, of which one dies with its host while it trains."""
    hosts, name = TEAM[0], _name(random)
    with _sweeping(hosts.servers, name, random, folder, at_once=2) as process:
        host = until(lambda: next((each for each in hosts.hosts if _trains(each, name)), None), "a training", every=0.05)
        host.die()
        try:
            return _judged(hosts, name, json.loads(process.communicate()[0]), lost=1)
        finally:
            host.join()


CASES = {"two workers": two_workers, "one worker": one_worker, "a host dies": host_dies}
COUNT = len(CASES)


def _timed(what: str, random: Random, folder: Path, at_once: int) -> str | None:
    hosts, name, started = TEAM[0], _name(random), time.monotonic()
    with _sweeping(hosts.servers, name, random, folder, at_once) as process:
        said = process.communicate()[0]
    WALL[what] = time.monotonic() - started
    return _judged(hosts, name, json.loads(said), lost=0)


def _name(random: Random) -> str:
    return f"sweep-{random.randrange(10**9)}"


@contextlib.contextmanager
def _sweeping(servers: Host, name: str, random: Random, folder: Path, at_once: int) -> Iterator[subprocess.Popen[str]]:
    """The command on the servers' host."""
    corpus = sample_of(folder.parent / f"{name}.csv", random, 900)
    words = ["sweep", "--over", f"finetune.seed=1..{SEEDS}", "--any-host", "--at-once", str(at_once), "--name", name, "--json"]
    words += ["--ingest.path", str(corpus), "--runtime.store", f"s3://{BUCKET}/{name}", "--runtime.store-lease", "6"]
    words += ["--finetune.model", "bag", "--finetune.epochs", "30", "--finetune.threads", "1", "--evaluate.yardstick", "false"]
    words += ["--evaluate.bootstrap", "100", "--register.evidence", "test", "--runtime.data-root", str(servers.root)]
    process = subprocess.Popen(
        [*TEXTMILL, *words],
        cwd=CHECKOUT,
        env=servers.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _trains(host: Host, name: str) -> bool:
    """Whether a run of this name is at the step finetune on a host."""
    return any(
        each["name"] == name and each["status"] == "running" and "prepare" in each["keys"] and "finetune" not in each["keys"]
        for each in host.records().values()
    )


def _judged(hosts: Team, name: str, said: dict[str, Any], lost: int) -> str | None:
    if said["failed"]:
        return f"failed: {[row['error'] for row in said['runs'] if row['error']][:2]}"
    versions = sorted(int(row["version"]) for row in said["runs"])
    if versions != list(range(1, SEEDS + 1)):
        return f"the versions are {versions}"
    if (found := sum(row["lost"] for row in said["runs"])) != lost:
        return f"{found} runs were lost"
    built = hosts.built(name)
    least = 0 if lost else 1  # a run that was killed has told nobody what it had built
    if any(not least <= built[step] <= 1 for step in SHARED) or built["finetune"] != SEEDS:
        return f"built {dict(built)}"
    steps = [step.partition("/")[0] for step in hosts.attempts(name)]
    if any(steps.count(step) != 1 for step in SHARED) or steps.count("finetune") != SEEDS:
        return f"the bucket has {sorted(steps)}"
    return None
