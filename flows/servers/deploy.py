"""Deploy: put training, refresh and their watchdog on schedules, as `prefect.yaml` has them.

Everything is checked before anything is changed: the configurations by the models that the flows validate them with, the
schedules by Prefect's own. A deployment is named for what it works on, so that there can be several models and monitors. It
names its flow by module: whichever host runs it runs the textmill that is installed there. Runs wait in the pool's own queue,
from which the worker of `textmill up` takes them; those that any host may do wait in the queue ANYWHERE.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from flows.servers.deployed import (
    REFRESH,
    TRAIN,
    WATCH,
    differences,
    is_paused,
    left_alone,
    read_deployments,
    scheduling_endpoint,
)
from flows.servers.heartbeat import ENVIRONMENT, TAG, make_automations
from flows.servers.joined import ANY_HOST, read_joined
from flows.servers.schedule import Cron, checked, next_times, shown_times
from flows.servers.server import Server
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig  # noqa: TC001 Prefect looks them up
from tasks.errors import RequestError
from tasks.runtime import Runtime
from tasks.writable import check_data_root

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from prefect.schedules import Schedule

FILE = CHECKOUT / "flows" / "prefect.yaml"  # the checkout has a link to it where Prefect looks for it
WORK_POOL, WATCH_POOL = "textmill", "textmill-watch"
ANYWHERE, DEFAULT_QUEUE = "anywhere", "default"  # queues of WORK_POOL


@dataclass(frozen=True)
class Plan:
    """One deployment as it will be made; `flow` is the flow's name, `name` the deployment's; `anywhere`: on any host."""

    flow: str
    name: str
    entrypoint: str
    description: str
    work_pool: str
    limit: int
    collision_strategy: str
    schedules: tuple[Cron, ...]
    parameters: Mapping[str, Any]
    anywhere: bool = False

    @property
    def full_name(self) -> str:
        """What Prefect calls it."""
        return f"{self.flow}/{self.name}"

    @property
    def shown_schedules(self) -> str:
        """When it runs, in the words of `deployed.shown_schedules`."""
        ordered = sorted(self.schedules, key=lambda each: each.slug)
        return ", ".join(f"{each.cron} {each.timezone}" for each in ordered) or "no schedule"

    @property
    def runtime(self) -> Runtime:
        """Where its runs work."""
        return Runtime.model_validate(self.parameters["config"]["runtime"])


def deploy_checked(plans: Sequence[Plan]) -> dict[str, Any]:
    """Deploy plans that are checked already; RequestError where the data root or the server cannot be used.

    Returns `deployments`, one row a schedule: its name, cron, time zone, its `next` times, and whether it was made, replaced
    (with `changed`: knob -> [old, new]) or is `unchanged`; and `left`, what else is deployed there: name -> its schedules.
    """
    runtime = plans[0].runtime
    check_data_root(runtime.data_root)
    joined = read_joined(runtime.data_root)
    if joined and joined.server and (here := [plan.full_name for plan in plans if not plan.anywhere]):
        raise RequestError(
            f"this host has joined {joined.server}, whose own worker would look for the files of {here[0]} there; "
            "give --any-host for a training, and deploy a monitor on that host"
        )
    scheduling_endpoint(runtime.data_root)
    with Server(runtime.data_root, timeout=runtime.server_timeout):
        return deploy_and_compare(plans)


def deploy_and_compare(plans: Sequence[Plan]) -> dict[str, Any]:
    """Deploy, and say what was there before; see `deploy_checked`."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        before = read_deployments(client)
    resting = {name for name, deployment in before.items() if is_paused(deployment)}
    deploy(plans, paused=resting)
    rows = []
    for plan in plans:
        old = before.get(plan.full_name)
        changed = differences(old, parameters=plan.parameters, schedules=plan.shown_schedules) if old else {}
        state = "made" if old is None else "replaced" if changed else "unchanged"
        said = {"state": state, "changed": changed, "paused": plan.full_name in resting}
        rows += [{"name": plan.full_name, **_shown(each), **said} for each in plan.schedules or (None,)]
    return {"deployments": rows, "left": left_alone(before, {plan.full_name for plan in plans})}


def _shown(schedule: Cron | None) -> dict[str, Any]:
    """A schedule and its next times, for people and programs; a deployment without one runs when somebody starts it."""
    if schedule is None:
        return {"cron": None, "timezone": None, "next": [], "next_shown": "only when it is started by hand"}
    nexts = next_times(schedule.cron, schedule.timezone)
    return {
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "next": [time.isoformat() for time in nexts],
        "next_shown": shown_times(nexts),
    }


def make_plans(
    train: PipelineConfig | None,
    refresh: RefreshConfig | None,
    *,
    train_cron: str | None = None,
    refresh_cron: str | None = None,
    timezone: str | None = None,
    anywhere: bool = False,
    file: Path = FILE,
) -> list[Plan]:
    """What is to be deployed for these configurations; RequestError if there is nothing, or a schedule would not run.

    A monitor's drift starts the training that is deployed with it, unless `retrain.deployment` names another. With `anywhere`
    the training may run on any host; a monitor is on one.
    """
    if train is None and refresh is None:
        raise RequestError("nothing to deploy; give --train-preset or --train-config, or --refresh-preset or --refresh-config")
    written = read_plans(file)
    plans = []
    if train is not None:
        plans.append(replace(_filled(written[TRAIN], train.name, train, train_cron, timezone, file), anywhere=anywhere))
    if refresh is not None:
        if train is not None and refresh.retrain.deployment is None:
            retrain = refresh.retrain.model_copy(update={"deployment": f"{TRAIN}/{train.name}"})
            refresh = refresh.model_copy(update={"retrain": retrain})
        plans.append(_filled(written[REFRESH], refresh.name, refresh, refresh_cron, timezone, file))
        plans.append(_filled(written[WATCH], refresh.name, refresh, None, timezone, file))
    return plans


def read_plans(file: Path = FILE) -> dict[str, Plan]:
    """The deployments of `prefect.yaml` by flow, without names and parameters of their own yet."""
    import yaml

    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
        plans = {entry["name"]: _read(entry) for entry in entries}
    except OSError as error:
        raise RequestError(f"{file} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = " ".join(str(error).split())
        raise RequestError(f"{file} has no deployments as textmill deploys them ({what}); restore it") from None
    except ValueError as error:
        raise RequestError(f"{file}: {error}") from None
    if missing := {TRAIN, REFRESH, WATCH} - set(plans):
        raise RequestError(f"{file} has no deployments as textmill deploys them (no {', '.join(sorted(missing))}); restore it")
    return plans


def _read(entry: Mapping[str, Any]) -> Plan:
    limit = entry["concurrency_limit"]
    return Plan(
        flow=entry["entrypoint"].rpartition(".")[2],
        name=entry["name"],
        entrypoint=entry["entrypoint"],
        description=entry["description"],
        work_pool=entry["work_pool"]["name"],
        limit=limit["limit"],
        collision_strategy=limit["collision_strategy"],
        schedules=tuple(_read_schedule(item, entry["name"]) for item in entry["schedules"] or ()),
        parameters={},
    )


def _read_schedule(item: Mapping[str, Any], name: str) -> Cron:
    """One schedule of the file; ValueError for one that says more, or other things, than is read."""
    fields = ("slug", "cron", "timezone")
    if set(item) != set(fields) or not all(isinstance(item[field], str) for field in fields):
        given = ", ".join(f"{key}: {value}" for key, value in item.items())
        raise ValueError(
            f"a schedule of {name} needs slug, cron and timezone, each as text, and takes nothing else; it has {given}"
        )
    return Cron(item["slug"], item["cron"], item["timezone"])


def _filled(
    plan: Plan, name: str, config: PipelineConfig | RefreshConfig, cron: str | None, timezone: str | None, file: Path
) -> Plan:
    """The plan for one configuration, which is stored as it was resolved: a later change of a default is not taken over."""
    cron_from, zone_from = f"--{plan.flow}-cron" if cron is not None else f"{file}: cron", "--timezone"
    if timezone is None:
        zone_from = f"{file}: timezone"
    schedules = tuple(
        checked(
            replace(
                schedule,
                cron=schedule.cron if cron is None else cron,
                timezone=schedule.timezone if timezone is None else timezone,
            ),
            cron_from=cron_from,
            zone_from=zone_from,
        )
        for schedule in plan.schedules or ((Cron(plan.flow, "", "UTC"),) if cron is not None else ())
    )
    return replace(plan, name=name, schedules=schedules, parameters={"config": config.model_dump(mode="json")})


def schedules_of(plan: Plan) -> list[Schedule]:
    """The plan's schedules as Prefect has them."""
    from prefect.schedules import Schedule

    return [Schedule(cron=each.cron, timezone=each.timezone, slug=each.slug) for each in plan.schedules]


def deploy(plans: Sequence[Plan], *, paused: Collection[str] = ()) -> list[str]:
    """Make or replace the deployments on the server that the environment names; returns their names.

    Those that are `paused` stay so: Prefect itself would resume whatever is deployed again.
    """
    asyncio.run(make_pools({plan.work_pool for plan in plans}))
    for plan in plans:
        deploy_one(plan, paused=plan.full_name in paused)
    return [plan.full_name for plan in plans]


def deploy_one(plan: Plan, *, paused: bool = False) -> None:
    """Make or replace one deployment; its work pool must be there."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.deployments.runner import EntrypointType, RunnerDeployment

    module, _, name = plan.entrypoint.rpartition(".")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # Prefect's advice on images and sources of remote pools
        made = RunnerDeployment.from_flow(
            getattr(importlib.import_module(module), name),
            plan.name,
            work_pool_name=plan.work_pool,
            work_queue_name=ANYWHERE if plan.anywhere else DEFAULT_QUEUE,
            schedules=schedules_of(plan) or None,
            paused=paused,
            concurrency_limit=ConcurrencyLimitConfig(
                limit=plan.limit, collision_strategy=ConcurrencyLimitStrategy(plan.collision_strategy)
            ),
            parameters=dict(plan.parameters),
            description=plan.description,
            tags=[TAG],
            job_variables={"env": {**ENVIRONMENT, **(ANY_HOST if plan.anywhere else {})}},
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        identity = cast("UUID", made.apply())
    with get_client(sync_client=True) as client:  # one of before had the folder of a checkout to change to
        client.update_deployment(identity, DeploymentUpdate(pull_steps=[]))


async def make_pools(names: set[str]) -> None:
    """Make the work pools and queues that are not there yet, and the rules by which a run whose host died is marked."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    async with get_client() as client:
        for name in sorted(names):
            with contextlib.suppress(ObjectAlreadyExists):
                await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        if WORK_POOL in names:
            with contextlib.suppress(ObjectAlreadyExists):
                await client.create_work_queue(ANYWHERE, work_pool_name=WORK_POOL)
    await make_automations()
