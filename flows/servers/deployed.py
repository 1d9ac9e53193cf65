"""The deployments on a server: which server plans them, when they last succeeded, and taking them away.

The server is the one that PREFECT_API_URL names, or that `textmill up` started for this data root and wrote down there.
"""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.servers.schedule import next_times
from flows.servers.server import Server, answers, configured_endpoint, read_endpoint, what_is_wrong
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError, UnavailableError
from tasks.tracking.tracker import flatten

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, StateType
    from prefect.client.schemas.responses import DeploymentResponse

    from flows.servers.server import Endpoint
    from tasks.runtime import Runtime

TRAIN, FOLDS, REFRESH, WATCH = "train", "folds", "refresh", "watch"
PLANNING_SECONDS = 180.0  # in which the server has planned the first runs of a new schedule


def scheduling_endpoint(data_root: Path) -> Endpoint:
    """The server that keeps schedules for this data root; RequestError that says where it was looked for, if there is none."""
    configured = configured_endpoint()
    home = Server(data_root).home
    up = f"textmill up --runtime.data-root {shlex.quote(str(data_root))}"
    if configured:
        if answers(configured):
            return configured
        raise UnavailableError(f"the Prefect server that PREFECT_API_URL names, {configured.url}, {what_is_wrong(configured)}")
    endpoint = lasting_endpoint(home)
    if endpoint is None:
        raise RequestError(
            "no Prefect server runs that could keep a schedule: PREFECT_API_URL is not set, and none was started for this "
            f"data root ({home / 'server.json'} names none); {up} starts one; for that of another root give --runtime.data-root"
        )
    if not answers(endpoint):
        raise RequestError(
            f"the Prefect server of this data root, {endpoint.url} in {home / 'server.json'}, does not answer; "
            f"{up} starts it again"
        )
    return endpoint


def lasting_endpoint(home: Path) -> Endpoint | None:
    """Where the server of `textmill up` answers; not that of a run, which leaves with it and would fire no schedule."""
    endpoint = read_endpoint(home)
    return endpoint if endpoint and json.loads((home / "server.json").read_text()).get("stays") else None


def read_deployments(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """Every deployment on the server by its full name, FLOW/NAME."""
    flows = {flow.id: flow.name for flow in read_pages(client.read_flows)}
    return {f"{flows.get(each.flow_id, '?')}/{each.name}": each for each in read_pages(client.read_deployments)}


def read_pages(read: Any) -> list[Any]:
    """All that a method of the client lists, which the server hands out two hundred at a time."""
    found: list[Any] = []
    while page := read(offset=len(found)):
        found += page
    return found


def is_paused(deployment: DeploymentResponse) -> bool:
    """Whether somebody has stopped the deployment, or each of its schedules, for now."""
    return deployment.paused or (bool(deployment.schedules) and not any(item.active for item in deployment.schedules))


def shown_schedules(deployment: DeploymentResponse) -> str:
    """When a deployment runs, in the words of its schedules."""
    ordered = sorted(deployment.schedules, key=lambda item: item.slug or "")
    return ", ".join(_shown_schedule(item) for item in ordered) or "no schedule"


def _shown_schedule(item: DeploymentSchedule) -> str:
    cron = (
        getattr(item.schedule, "cron", None) or getattr(item.schedule, "rrule", None) or getattr(item.schedule, "interval", "")
    )
    return f"{cron} {getattr(item.schedule, 'timezone', None) or 'UTC'}"


def differences(deployment: DeploymentResponse, *, parameters: Mapping[str, Any], schedules: str) -> dict[str, list[Any]]:
    """What differs between a deployment and one that would replace it: knob -> [old, new], and `schedule`."""
    old, new = (_knobs(each.get("config", {})) for each in (deployment.parameters, parameters))
    found = {name: [old.get(name), new.get(name)] for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
    before = shown_schedules(deployment)
    return found | ({"schedule": [before, schedules]} if before != schedules else {})


def _knobs(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every knob of a stored configuration; where an older program stored fewer, the rest have today's defaults."""
    model = RefreshConfig if "collect" in config else PipelineConfig
    try:
        return dict(flatten(model.model_validate(config).model_dump(mode="json")))
    except ValueError:  # of another version
        return dict(flatten(config))


def undeploy(name: str, runtime: Runtime) -> dict[str, Any]:
    """Take FLOW/NAME off its server, or NAME where only one flow is deployed under it; a monitor goes with its watchdog.

    Returns the names that are `gone`, those that are `left`, and `starts`: monitors whose drift would start what is gone.
    RequestError lists the deployments if none, or more than one flow, has the name.
    """
    from prefect.client.orchestration import get_client

    scheduling_endpoint(runtime.data_root)
    with Server(runtime.data_root, timeout=runtime.server_timeout), get_client(sync_client=True) as client:
        there = read_deployments(client)
        gone = _named(name, list(there))
        starts = [
            each
            for each, deployment in there.items()
            if each not in gone and deployment.parameters.get("config", {}).get("retrain", {}).get("deployment") in gone
        ]
        for each in gone:
            client.delete_deployment(there[each].id)
    left = left_alone(there, gone)
    return {"gone": gone, "left": left, "starts": sorted(each for each in starts if each.startswith(f"{REFRESH}/"))}


def left_alone(there: Mapping[str, DeploymentResponse], touched: Collection[str]) -> dict[str, str]:
    """The other deployments and when they run."""
    return {
        name: shown_schedules(deployment) + (", paused" if is_paused(deployment) else "")
        for name, deployment in sorted(there.items())
        if name not in touched
    }


def _named(name: str, there: list[str]) -> list[str]:
    """The deployments that are meant by a name."""
    ours = [each for each in there if each.startswith(tuple(f"{flow}/" for flow in (TRAIN, FOLDS, REFRESH, WATCH)))]
    found = [each for each in ours if name in (each, each.partition("/")[2])]
    if {each.partition("/")[0] for each in found} > {TRAIN}:
        raise RequestError(f"{' and '.join(sorted(found))} are called {name!r}; give one of them as FLOW/NAME")
    if not found:
        raise RequestError(f"nothing is deployed as {name!r}; there are: {', '.join(sorted(ours)) or 'no deployments'}")
    watchdogs = {f"{WATCH}/{each.partition('/')[2]}" for each in found if each.startswith(f"{REFRESH}/")}
    return sorted({*found, *watchdogs & {*ours}})


def deploy_again(there: Mapping[str, DeploymentResponse], data_root: Path) -> str:
    """One line about the deployments of this data root that run the code of another checkout than this; empty if none does.

    A deployment keeps the folder of the checkout that made it, so after an upgrade by a new clone it runs the old code.
    """
    elsewhere: dict[str, str] = {}
    for name, deployment in sorted(there.items()):
        runtime = deployment.parameters.get("config", {}).get("runtime", {})
        code = _code_folder(deployment)
        if runtime.get("data_root") == str(data_root) and code and Path(code).resolve() != CHECKOUT.resolve():
            elsewhere[name] = code if Path(code).exists() else f"{code}, which is gone"
    if not elsewhere:
        return ""
    folders = " and ".join(sorted(set(elsewhere.values())))
    return f"{', '.join(elsewhere)} still run the code in {folders}: deploy again (textmill deploy) to run that in {CHECKOUT}"


def _code_folder(deployment: DeploymentResponse) -> str | None:
    """The folder that a worker changes to before it runs the deployment's flow."""
    options = [each for step in deployment.pull_steps or () for each in step.values() if isinstance(each, dict)]
    return next((str(each["directory"]) for each in options if "directory" in each), None)


def look_at_code(data_root: Path) -> str:
    """Ask the server that the environment names; see `deploy_again`."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return deploy_again(read_deployments(client), data_root)


def find_deployment(client: SyncPrefectClient, full_name: str) -> DeploymentResponse | None:
    """The deployment FLOW/NAME, if it is there."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def look_at_deployments() -> dict[str, tuple[str, bool]]:
    """When each deployment last succeeded, and whether its next run is planned or is not to be planned yet; by name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import StateType

    found = {}
    with get_client(sync_client=True) as client:
        for name, deployment in read_deployments(client).items():
            last = latest_runs(client, deployment.id, [StateType.COMPLETED], 1)
            changed = max((time_of(schedule) for schedule in deployment.schedules), default=0.0)
            planned = (
                not deployment.schedules
                or time.time() - changed < PLANNING_SECONDS
                or bool(latest_runs(client, deployment.id, [StateType.SCHEDULED], 1))
                or _is_far(deployment)
            )
            when = f"{last[0].end_time:%Y-%m-%dT%H:%M:%SZ}" if last and last[0].end_time else "never"
            found[name] = (when, planned)
    return dict(sorted(found.items()))


def _is_far(deployment: DeploymentResponse) -> bool:
    """Whether the next run is further away than the server plans ahead, which is a hundred days if nobody has changed it."""
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.settings import get_current_settings

    ahead: timedelta = get_current_settings().server.services.scheduler.max_scheduled_time
    schedules = [item.schedule for item in deployment.schedules if item.active and isinstance(item.schedule, CronSchedule)]
    nexts = [next_times(each.cron, each.timezone or "UTC", 1)[0].timestamp() for each in schedules]
    return not deployment.paused and bool(nexts) and min(nexts) > time.time() + ahead.total_seconds()


def look_at_workers() -> dict[str, tuple[str, int]]:
    """When a worker of each pool that deployments use was last seen, and how many are online; by pool.

    The server takes a worker for offline a minute and a half after its last heartbeat.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import WorkerStatus

    found = {}
    with get_client(sync_client=True) as client:
        for pool in sorted({name for deployment in client.read_deployments() if (name := deployment.work_pool_name)}):
            workers = client.read_workers_for_work_pool(pool)
            last = max((worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time), default=None)
            online = sum(worker.status == WorkerStatus.ONLINE for worker in workers)
            found[pool] = (f"{last:%Y-%m-%dT%H:%M:%SZ}" if last else "never", online)
    return found


def worker_is_known(pool: str, name: str) -> bool:
    """Whether a worker of this name is online in a pool."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import WorkerStatus

    with get_client(sync_client=True) as client:
        found = client.read_workers_for_work_pool(pool)
    return any(each.name == name and each.status == WorkerStatus.ONLINE for each in found)


def time_of(schedule: DeploymentSchedule) -> float:
    """When a schedule was last changed, in seconds since 1970."""
    changed = schedule.updated or schedule.created
    return changed.timestamp() if changed else 0.0


def latest_runs(client: SyncPrefectClient, deployment: UUID, types: list[StateType], limit: int) -> list[FlowRun]:
    """A deployment's runs whose state is of these types, the one that ended last first."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types))),
        sort=FlowRunSort.END_TIME_DESC,
        limit=limit,
    )
