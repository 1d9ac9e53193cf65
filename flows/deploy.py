"""`textmill deploy`: put training, refresh and their watchdog on schedules, as `prefect.yaml` has them.

Everything is checked before anything is changed: the configurations by the models that the flows validate them with, the
schedules by Prefect's own. A deployment is called for what it works on, so that several models and monitors stand side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import io
import itertools
import json
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.server import Server, answers, configured_endpoint, read_endpoint
from tasks.config import CHECKOUT, PipelineConfig, RefreshConfig, Runtime
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, StateType
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.schedules import Schedule

    from flows.server import Endpoint

FILE = CHECKOUT / "prefect.yaml"
WORK_POOL, WATCH_POOL = "textmill", "textmill-watch"
PLANNING_SECONDS = 180.0  # in which the server has planned the first runs of a new schedule
TRAIN, REFRESH, WATCH = "train", "refresh", "watch"
DAY_HOURS = 24
CRON_FIELDS = 5
GAP_DATES = 400  # over a year of days
GAPS_FROM = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Cron:
    """When a deployment runs: a cron expression in a time zone, under a name by which it is replaced."""

    slug: str
    cron: str
    timezone: str


@dataclass(frozen=True)
class Plan:
    """One deployment as it will be made; `flow` is the flow's name, `name` the deployment's."""

    flow: str
    name: str
    entrypoint: str
    description: str
    work_pool: str
    limit: int
    collision_strategy: str
    schedules: tuple[Cron, ...]
    parameters: Mapping[str, Any]

    @property
    def full_name(self) -> str:
        """What Prefect calls it."""
        return f"{self.flow}/{self.name}"

    @property
    def runtime(self) -> Runtime:
        """Where its runs work."""
        return Runtime.model_validate(self.parameters["config"]["runtime"])


def check_and_deploy(
    arguments: Sequence[str],
    *,
    train: tuple[str | None, Path | None],
    refresh: tuple[str | None, Path | None],
    train_cron: str | None,
    refresh_cron: str | None,
    timezone: str | None,
) -> list[dict[str, str]]:
    """Resolve what is given as (preset, file) and by options, check it all, deploy it; returns names, crons, time zones."""
    for_train, for_refresh = split_arguments(arguments)
    with_train = any(train) or has_section(for_train, "ingest")
    with_refresh = any(refresh) or has_section(for_refresh, "collect")
    if with_train or with_refresh:
        refuse_unused(for_train, TRAIN, deployed=with_train)
        refuse_unused(for_refresh, REFRESH, deployed=with_refresh)
    plans = make_plans(
        resolve_train(for_train, *train) if with_train else None,
        resolve_monitor(for_refresh, *refresh) if with_refresh else None,
        train_cron=train_cron,
        refresh_cron=refresh_cron,
        timezone=timezone,
    )
    runtime = plans[0].runtime
    endpoint = configured_endpoint() or lasting_endpoint(Server(runtime.data_root).home)
    if endpoint is None or not answers(endpoint):
        raise RequestError(
            "no Prefect server runs that could keep a schedule; "
            f"textmill up --runtime.data-root {runtime.data_root} starts one, or set PREFECT_API_URL"
        )
    with Server(runtime.data_root, timeout=runtime.server_timeout):
        deploy(plans)
    return [{"name": plan.full_name, "cron": cron.cron, "timezone": cron.timezone} for plan in plans for cron in plan.schedules]


def lasting_endpoint(home: Path) -> Endpoint | None:
    """Where the server of `textmill up` answers; not that of a run, which leaves with it and would fire no schedule."""
    endpoint = read_endpoint(home)
    return endpoint if endpoint and json.loads((home / "server.json").read_text()).get("stays") else None


def resolve_train(arguments: list[str], preset: str | None, file: Path | None) -> PipelineConfig:
    """The configuration of training, checked as `textmill train` checks it."""
    from flows.settings import check_train, resolve

    config = resolve(arguments, preset=preset, file=file)
    check_train(config)
    return config


def resolve_monitor(arguments: list[str], preset: str | None, file: Path | None) -> RefreshConfig:
    """The configuration of a refresh, checked as far as it can be without a model."""
    from flows.settings import check_paths, resolve_refresh
    from tasks.collect.collect import check_source
    from tasks.notify.task import check_flow_channels
    from tasks.score.watch import WatchList

    config = resolve_refresh(arguments, preset=preset, file=file)
    check_paths(config)
    check_source(config.collect)
    check_flow_channels(config.notify)
    if config.score.watch_list:
        WatchList.load(config.score.watch_list)
    return config


def has_section(arguments: Sequence[str], section: str) -> bool:
    """Whether an option of this section is among the arguments."""
    return any(argument.startswith(f"--{section}.") for argument in arguments)


def refuse_unused(arguments: Sequence[str], flow: str, *, deployed: bool) -> None:
    """RequestError for an option of a flow that is not deployed: it would be dropped without a word."""
    own = [word for word in arguments if word.startswith("--") and not word.startswith("--runtime.")]
    if own and not deployed:
        raise RequestError(
            f"{own[0].split('=')[0]} is no option of what is deployed; "
            f"correct it, or give --{flow}-preset or --{flow}-config too"
        )


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the options of the two flows: (train's, refresh's); those of `runtime`, which both have, go to both."""
    train, refresh = set(PipelineConfig.model_fields), set(RefreshConfig.model_fields)
    parts: tuple[list[str], list[str]] = ([], [])
    here: list[list[str]] = [parts[0]]
    for argument in arguments:
        if argument.startswith("--"):
            section = argument.removeprefix("--").split("=")[0].split(".")[0].replace("-", "_")
            here = [part for part, known in zip(parts, (train, refresh), strict=True) if section in known] or [parts[0]]
        for part in here:
            part.append(argument)
    return parts


def make_plans(
    train: PipelineConfig | None,
    refresh: RefreshConfig | None,
    *,
    train_cron: str | None = None,
    refresh_cron: str | None = None,
    timezone: str | None = None,
    file: Path = FILE,
) -> list[Plan]:
    """What is to be deployed for these configurations; RequestError if there is nothing, or a schedule is none.

    A monitor's drift starts the training that is deployed with it, unless `retrain.deployment` names another.
    """
    if train is None and refresh is None:
        raise RequestError("nothing to deploy; give --train-preset or --train-config, or --refresh-preset or --refresh-config")
    written = read_plans(file)
    plans = []
    if train is not None:
        plans.append(_filled(written[TRAIN], train.name, train, train_cron, timezone))
    if refresh is not None:
        if train is not None and refresh.retrain.deployment is None:
            retrain = refresh.retrain.model_copy(update={"deployment": f"{TRAIN}/{train.name}"})
            refresh = refresh.model_copy(update={"retrain": retrain})
        plans.append(_filled(written[REFRESH], refresh.name, refresh, refresh_cron, timezone))
        plans.append(_filled(written[WATCH], refresh.name, refresh, None, timezone))
    for plan in plans:
        schedules_of(plan)
    return plans


def read_plans(file: Path = FILE) -> dict[str, Plan]:
    """The deployments of `prefect.yaml` by flow, without names and parameters of their own yet."""
    import yaml

    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
        return {entry["name"]: _read(entry) for entry in entries}
    except OSError as error:
        raise RequestError(f"{file} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        what = " ".join(str(error).split())
        raise RequestError(f"{file} has no deployments as textmill deploys them ({what}); restore it") from None


def _read(entry: Mapping[str, Any]) -> Plan:
    limit = entry["concurrency_limit"]
    return Plan(
        flow=entry["entrypoint"].split(":")[1],
        name=entry["name"],
        entrypoint=entry["entrypoint"],
        description=entry["description"],
        work_pool=entry["work_pool"]["name"],
        limit=limit["limit"],
        collision_strategy=limit["collision_strategy"],
        schedules=tuple(Cron(item["slug"], item["cron"], item["timezone"]) for item in entry["schedules"]),
        parameters={},
    )


def _filled(plan: Plan, name: str, config: PipelineConfig | RefreshConfig, cron: str | None, timezone: str | None) -> Plan:
    """The plan for one configuration, which is stored as it was resolved: a later change of a default is not taken over."""
    schedules = tuple(
        replace(schedule, cron=cron or schedule.cron, timezone=timezone or schedule.timezone) for schedule in plan.schedules
    )
    return replace(plan, name=name, schedules=schedules, parameters={"config": config.model_dump(mode="json")})


def schedules_of(plan: Plan) -> list[Schedule]:
    """The plan's schedules as Prefect has them; RequestError if one is none."""
    from zoneinfo import ZoneInfo

    from prefect.client.schemas.schedules import CronSchedule
    from prefect.schedules import Schedule

    made = []
    for schedule in plan.schedules:
        try:
            ZoneInfo(schedule.timezone)
        except (ValueError, OSError, KeyError):
            raise RequestError(f"--timezone {schedule.timezone!r}: unknown time zone; try UTC or Europe/London") from None
        try:
            CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
            longest_gap_hours(schedule.cron, schedule.timezone)  # which the 31st of February has not
        except ValueError:
            raise RequestError(
                f"cron {schedule.cron!r} of {plan.full_name} is none; give five fields, such as '30 2 * * *' for 02:30 each day"
            ) from None
        made.append(Schedule(cron=schedule.cron, timezone=schedule.timezone, slug=schedule.slug))
    return made


def longest_gap_hours(cron: str, timezone: str) -> float:
    """The longest time between two runs of a schedule, in hours; where it leaves out days, these are counted in full."""
    from prefect.server.schemas.schedules import CronSchedule

    days = " ".join(["0 0", *cron.split()[2:5]])  # a year of a schedule that fires each minute would take too long
    longest = 0.0
    for each in [cron, days] if len(cron.split()) == CRON_FIELDS else [cron]:
        schedule = CronSchedule(cron=each, timezone=timezone)
        dates = asyncio.run(schedule.get_dates(n=GAP_DATES, start=GAPS_FROM))
        hours = max((b - a).total_seconds() / 3600 for a, b in itertools.pairwise(dates))
        if each is cron or hours > DAY_HOURS + 1:  # an hour more is the end of summer time
            longest = max(longest, hours)
    return longest


def patience_hours(deployment: DeploymentResponse) -> float:
    """How long a deployment may be without a success at least: its schedule's longest gap, and half of it up to 12 hours."""
    from prefect.client.schemas.schedules import CronSchedule

    crons = [item.schedule for item in deployment.schedules if item.active and isinstance(item.schedule, CronSchedule)]
    gap = min((longest_gap_hours(each.cron, each.timezone or "UTC") for each in crons), default=0.0)
    return gap + min(gap / 2, DAY_HOURS / 2)


def deploy(plans: Sequence[Plan]) -> list[str]:
    """Make or replace the deployments on the server that the environment names; returns their names."""
    asyncio.run(make_pools({plan.work_pool for plan in plans}))
    for plan in plans:
        deploy_one(plan)
    return [plan.full_name for plan in plans]


def deploy_one(plan: Plan) -> None:
    """Make or replace one deployment; its work pool must be there."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.flows import Flow

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # Prefect's advice on images and sources of remote pools
        flow = Flow.from_source(source=str(CHECKOUT), entrypoint=plan.entrypoint)
        assert isinstance(flow, Flow)  # a coroutine only inside an event loop
        flow.deploy(
            name=plan.name,
            work_pool_name=plan.work_pool,
            schedules=schedules_of(plan) or None,
            concurrency_limit=ConcurrencyLimitConfig(
                limit=plan.limit, collision_strategy=ConcurrencyLimitStrategy(plan.collision_strategy)
            ),
            parameters=dict(plan.parameters),
            description=plan.description,
            print_next_steps=False,
            ignore_warnings=True,
        )


def find_deployment(client: SyncPrefectClient, full_name: str) -> DeploymentResponse | None:
    """The deployment FLOW/NAME, if it is there."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def look_at_deployments() -> dict[str, tuple[str, bool]]:
    """When each deployment last succeeded, and whether its next run is planned or it has no old schedule; by name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import StateType

    found = {}
    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        for deployment in client.read_deployments():
            last = latest_runs(client, deployment.id, [StateType.COMPLETED], 1)
            changed = max((time_of(schedule) for schedule in deployment.schedules), default=0.0)
            planned = (
                not deployment.schedules
                or time.time() - changed < PLANNING_SECONDS
                or bool(latest_runs(client, deployment.id, [StateType.SCHEDULED], 1))
            )
            when = f"{last[0].end_time:%Y-%m-%dT%H:%M:%SZ}" if last and last[0].end_time else "never"
            found[f"{flows[deployment.flow_id]}/{deployment.name}"] = (when, planned)
    return dict(sorted(found.items()))


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


async def make_pools(names: set[str]) -> None:
    """Make the work pools that are not there yet."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    async with get_client() as client:
        for name in sorted(names):
            with contextlib.suppress(ObjectAlreadyExists):
                await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
