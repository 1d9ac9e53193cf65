"""A run that lives is not taken for one whose host died: not for ten minutes, and not after the Prefect server was away."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from flows.servers.deploy import WORK_POOL, Plan, deploy
from flows.servers.heartbeat import WITHIN
from tests.hosts import Team, ended, team
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random
    from uuid import UUID

NUMBER, RUNS, MINUTES = 31, 10, 10
PROMISE = (
    f"A run that lives is not marked as one whose host died: {RUNS} at once that do nothing for {MINUTES} minutes end as "
    "Completed, and so do runs during which the Prefect server was stopped for longer than a silence that is judged"
)
TAKEN_OUT = (
    "runs say that they are there as seldom as Prefect has it: 3 of 3 are marked; without the time that a server gives after a "
    "pause 3 of 3 runs were not marked all the same"
)
LIMIT_SECONDS = 3600
FIGURES: list[str] = []
TEAM: list[Team] = []


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Servers and a host that takes many runs."""
    with team(folder / "team", 1) as made:
        made.hosts[0].textmill("down")
        made.hosts[0].join(RUNS)
        TEAM[:] = [made]
        yield


def ten_minutes(random: Random, folder: Path) -> str | None:
    """Ten at once."""
    return _judged(_started(f"long-{random.randrange(10**6)}", MINUTES * 60.0, RUNS))


def server_away(random: Random, folder: Path) -> str | None:
    """Stop the servers' process while some runs live, and start it again."""
    away = WITHIN.total_seconds() + 70.0
    runs = _started(f"away-{random.randrange(10**6)}", away + 120.0, 3)
    time.sleep(5.0)
    servers, record = TEAM[0].servers, TEAM[0].servers.record()
    assert record.stop("prefect")
    time.sleep(away)
    servers.must("up")
    return _judged(runs)


def _started(name: str, seconds: float, number: int) -> list[UUID]:
    """Runs that have begun."""
    plan = Plan(
        flow="sleeping",
        name=name,
        entrypoint="tests.sleeping.sleeping",
        description="",
        work_pool=WORK_POOL,
        limit=number,
        collision_strategy="ENQUEUE",
        schedules=(),
        parameters={"config": {"seconds": seconds}},
        anywhere=True,
    )
    deploy([plan])
    runs = [TEAM[0].start(plan.full_name) for _ in range(number)]
    until(lambda: all(TEAM[0].state(run) == "Running" for run in runs), "the runs", every=1.0)
    return runs


def _judged(runs: list[UUID]) -> str | None:
    states = [ended(TEAM[0], run) for run in runs]
    crashed = [run for run in runs if "Crashed" in {state.name for state in TEAM[0].states(run)}]
    return f"ended as {states}, marked: {len(crashed)}" if crashed or set(states) != {"Completed"} else None


CASES = {"ten minutes": ten_minutes, "the server away": server_away}
COUNT = len(CASES)
