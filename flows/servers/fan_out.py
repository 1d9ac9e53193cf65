"""Many runs of one flow on the workers of a Prefect server: started, watched, repeated where a worker was lost.

In go configurations and what each run is called; out comes how each run ended. The runs belong to one deployment, which lets
so many run at a time, on whichever hosts have a worker. It is named for what is asked for, and goes when all have ended: while
it is there, the same request finds its runs again, waits for those that go on, and starts those that are missing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.servers.deploy import WORK_POOL, deploy
from flows.servers.deployed import look_at_workers, read_deployments, read_pages
from flows.servers.server import Server
from tasks.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.servers.deploy import Plan

log = logging.getLogger(__name__)

TAG = "sweep:"
CALLED = "sweep run:"  # begins the tag that says which of them a run is
LOST = "Crashed"
DONE = "Completed"
MOST_LOST = 3  # runs of one configuration that may lose their process before it counts as failed
LOOK_SECONDS = 1.0
ALONE_SECONDS = 120.0  # without a worker, and with nothing under way, before it is given up; a worker reports each half minute


@dataclass(frozen=True)
class Ended:
    """How a run ended: Prefect's state and what it says, the flow run's id, seconds, and how many runs were lost before it."""

    state: str
    message: str
    flow_run_id: str
    seconds: float
    lost: int


def fan_out(
    plan: Plan,
    wanted: Mapping[str, Any],
    *,
    watch: Callable[[Mapping[str, str]], None],
    mend: Callable[[], object] = lambda: None,
) -> dict[str, Ended]:
    """Run the plan's flow once for each configuration, by name; how each ended, in the same order.

    `watch` is told the state of each run whenever one changes; `mend` is called now and then, to report runs whose process is
    gone. UnavailableError if no worker takes any. A KeyboardInterrupt leaves the runs to the workers.
    """
    from prefect.client.orchestration import get_client

    with Server(plan.runtime.data_root, timeout=plan.runtime.server_timeout), get_client(sync_client=True) as client:
        goes_on = plan.full_name in read_deployments(client)
        deploy([plan])
        runs = Runs(client, client.read_deployment_by_name(plan.full_name).id, f"{TAG}{plan.full_name}", wanted)
        runs.begin(goes_on=goes_on)
        _watch(runs, watch, mend)
        client.delete_deployment(runs.deployment)
        return {name: runs.ended(name) for name in wanted}


def digest_of(wanted: Mapping[str, Any]) -> str:
    """Eight characters that the same request has again."""
    content = json.dumps(dict(wanted), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


class Runs:
    """The runs of one request, by name; the newest of each name counts."""

    def __init__(self, client: SyncPrefectClient, deployment: Any, tag: str, wanted: Mapping[str, Any]) -> None:
        self.client, self.deployment, self.tag, self.wanted = client, deployment, tag, wanted
        self.by_name: dict[str, list[FlowRun]] = {}
        self._lost_before: dict[str, int] = {}

    def begin(self, *, goes_on: bool) -> None:
        """Start all runs, or those that are missing or failed if an earlier request of the same `goes_on`."""
        self.read()
        for name in self.wanted:
            newest = self.newest(name)
            if newest is None or not goes_on or (_is_final(newest) and self.state(name) != DONE):
                self.start(name)
        self.read()
        self._lost_before = {name: self._all_lost(name) for name in self.wanted}

    def start(self, name: str) -> None:
        """Start a run; a call whose answer was lost starts it once."""
        number = len(self.by_name.get(name, ()))
        self.client.create_flow_run_from_deployment(
            self.deployment,
            parameters={"config": self.wanted[name]},
            tags=[self.tag, f"{CALLED}{name}"],  # a flow that begins gives its run another name
            idempotency_key=f"{self.tag}:{name}:{number}",
        )

    def read(self) -> None:
        """Ask the server for the runs."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
        from prefect.client.schemas.sorting import FlowRunSort

        which, found = FlowRunFilter(tags=FlowRunFilterTags(all_=[self.tag])), dict[str, list[Any]]()
        for run in read_pages(
            lambda offset: self.client.read_flow_runs(
                flow_run_filter=which, sort=FlowRunSort.EXPECTED_START_TIME_ASC, offset=offset
            )
        ):
            name = next((each.removeprefix(CALLED) for each in run.tags if each.startswith(CALLED)), "")
            found.setdefault(name, []).append(run)
        self.by_name = {name: sorted(runs, key=_created) for name, runs in found.items()}

    def repeat_lost(self) -> None:
        """Start a run again whose process was lost, if it was not lost too often."""
        for name in self.wanted:
            if self.state(name) == LOST and self.num_lost(name) < MOST_LOST:
                log.warning("%s lost its process; it is started again", name)
                self.start(name)

    def newest(self, name: str) -> FlowRun | None:
        """The run that counts."""
        runs = self.by_name.get(name)
        return runs[-1] if runs else None

    def state(self, name: str) -> str:
        """What Prefect calls the state of a run; empty if there is none."""
        newest = self.newest(name)
        return (newest.state_name or "") if newest else ""

    def states(self) -> dict[str, str]:
        """The state of each run."""
        return {name: self.state(name) for name in self.wanted}

    def are_final(self) -> bool:
        """Whether all have ended, and none is to be repeated."""
        for name in self.wanted:
            newest = self.newest(name)
            if newest is None or not _is_final(newest) or (self.state(name) == LOST and self.num_lost(name) < MOST_LOST):
                return False
        return True

    def num_lost(self, name: str) -> int:
        """How many runs of a name have lost their process since this request was made."""
        return self._all_lost(name) - self._lost_before[name]

    def ended(self, name: str) -> Ended:
        """How a run ended."""
        newest = self.newest(name)
        assert newest is not None
        message = (newest.state.message or "") if newest.state else ""
        seconds = newest.total_run_time.total_seconds()
        return Ended(newest.state_name or "", message, str(newest.id), seconds, self.num_lost(name))

    def _all_lost(self, name: str) -> int:
        return sum(run.state_name == LOST for run in self.by_name.get(name, ()))


def _created(run: FlowRun) -> float:
    return run.created.timestamp() if run.created else 0.0


def _is_final(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _watch(runs: Runs, watch: Callable[[Mapping[str, str]], None], mend: Callable[[], object]) -> None:
    """Wait for the end of all runs."""
    said: Mapping[str, str] = {}
    alone_since: float | None = None
    while True:
        runs.repeat_lost()
        runs.read()
        if (now := runs.states()) != said:
            watch(said := now)
        if runs.are_final():
            return
        begun = any(state in ("Running", "Pending") for state in now.values())
        alone_since = None if begun or look_at_workers().get(WORK_POOL, ("", 0))[1] else alone_since or time.monotonic()
        if alone_since is not None and time.monotonic() - alone_since > ALONE_SECONDS:
            raise UnavailableError(
                f"no worker takes runs from the pool {WORK_POOL}; textmill up starts one here, "
                "and the same command waits for the runs again"
            )
        mend()
        time.sleep(LOOK_SECONDS)
