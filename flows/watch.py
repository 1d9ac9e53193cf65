"""The watchdog: warns when nothing succeeds any more, when training failed, and when a model was refused.

It runs on a worker of its own and keeps a state of its own: a refresh that hangs, with the monitor's lock or in the worker's
queue, must not silence it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from flows.servers.deployed import REFRESH, WATCH, find_deployment, latest_runs
from flows.servers.running import crash_dead, running
from flows.servers.schedule import patience_hours
from tasks.collect.silent import SILENT_SOURCES, UNSCORED, Silent, read_kept
from tasks.config import RefreshConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.errors import RequestError, UnavailableError
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState, monitor_folder, watch_name
from tasks.notify.deliver import deliver
from tasks.notify.task import open_channels
from tasks.wording.sentence import as_evidence, joined, said

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

    from tasks.monitor.alert import Severity

NUM_ENDED = 20  # of the training deployment's latest runs are looked at; an alert that was stored before is not stored again
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED]


@flow(name="watch", flow_run_name="{config.collect.name}", persist_result=False, validate_parameters=True)
def watch(config: RefreshConfig) -> dict[str, Any]:
    """Look after a monitor's refresh and the training that its drift starts; returns the alerts that are new."""
    now, data_root = time.time(), config.runtime.data_root
    crash_dead(monitor_folder(data_root, config.name))  # its next refresh may be waiting for the place of the killed one
    with running(monitor_folder(data_root, watch_name(config.name))):
        with get_client(sync_client=True) as client:
            alerts = look(client, config, now)
        with MonitorState.open(data_root, watch_name(config.name)) as state:
            stored = tell(state, config, alerts, now)
    return {"alerts": [alert.summary() | {"message": alert.evidence["message"]} for alert in stored]}


def look(client: SyncPrefectClient, config: RefreshConfig, now: float) -> list[Alert]:
    """Everything that is wrong now, whether an alert was sent before or not."""
    alerts = []
    hours = {f"{REFRESH}/{config.name}": config.watch.refresh_hours}
    if config.retrain.deployment:
        hours[config.retrain.deployment] = config.watch.train_hours
    for name, limit in hours.items():
        deployment = find_deployment(client, name)
        if deployment is None:
            absent = said("{name} is not deployed; run textmill deploy", name=name)
            alerts.append(_warning(config, "watchdog", name, "high", absent, now))
            continue
        if message := overdue(client, name, deployment, hours=max(limit, patience_hours(deployment)), now=now):
            alerts.append(_warning(config, "watchdog", name, "high", message, now))
        if name == config.retrain.deployment:
            alerts += ended_badly(client, config, name, deployment, since=watched_since(client, config))
    return alerts + silent_sources(config, now)


def silent_sources(config: RefreshConfig, now: float) -> list[Alert]:
    """An alert if the last refresh ended well and counted nothing of a source, or of all that was new."""
    try:
        with MonitorState.read(config.runtime.data_root, config.name) as state:
            lines: list[str] = [Silent(**silent).told() for silent in json.loads(state.setting(SILENT_SOURCES) or "[]")]
            lines += filter(None, [read_kept(state.setting(UNSCORED) or "")])
    except (RequestError, UnavailableError):  # no refresh yet, or a state that the refresh itself complains about
        return []
    if not lines:
        return []
    message = said("the last refresh: {lines}", lines=joined("; ", lines))
    return [_warning(config, "watchdog", f"sources of {config.name}", "high", message, now)]


def overdue(client: SyncPrefectClient, name: str, deployment: DeploymentResponse, *, hours: float, now: float) -> str:
    """The warning if no run succeeded in the last hours, counted from the deployment's making at the earliest; else empty."""
    last = last_success_time(client, deployment)
    since = last or (deployment.created or datetime.fromtimestamp(now, UTC)).timestamp()
    if now - since <= hours * 3600:
        return ""
    when = _utc(since)
    ever = said("none has since it was deployed on {when} UTC", when=when)
    if last:
        ever = said("the last did on {when} UTC", when=when)
    values = {"name": name, "hours": (now - since) / 3600, "ever": ever}
    if deployment.paused:
        return said("no run of {name} succeeded for {hours:.1f} hours ({ever}); its schedule is paused", **values)
    return said("no run of {name} succeeded for {hours:.1f} hours ({ever})", **values)


def last_success_time(client: SyncPrefectClient, deployment: DeploymentResponse) -> float | None:
    """When the latest completed run of a deployment ended, in seconds since 1970; None if none did."""
    (run,) = latest_runs(client, deployment.id, [StateType.COMPLETED], 1) or (None,)
    return run.end_time.timestamp() if run and run.end_time else None


def watched_since(client: SyncPrefectClient, config: RefreshConfig) -> datetime | None:
    """When the monitor's watchdog was first deployed; None if it is not."""
    watchdog = find_deployment(client, f"{WATCH}/{config.name}")
    return watchdog.created if watchdog else None


def ended_badly(
    client: SyncPrefectClient, config: RefreshConfig, name: str, deployment: DeploymentResponse, *, since: datetime | None
) -> list[Alert]:
    """An alert for each of the latest training runs that failed, or whose model was refused; one a day is stored.

    Runs that ended before `since`, when the watchdog was deployed, are left out.
    """
    alerts = []
    for run in latest_runs(client, deployment.id, ENDED, NUM_ENDED):
        if since and run.end_time and run.end_time < since:
            break
        message, severity = _ending(run, deployment)
        if message and run.end_time:
            message = said("{name}: {message}", name=name, message=message)
            alerts.append(_warning(config, "retrain", name, severity, message, run.end_time.timestamp()))
    return alerts


def _ending(run: FlowRun, deployment: DeploymentResponse) -> tuple[str, Severity]:
    """Why a run is worth an alert, from its own record where it has one; empty if it is not."""
    runtime = deployment.parameters.get("config", {}).get("runtime", {})
    record = Path(runtime.get("data_root", ".")) / "runs" / f"{run.id}.json"
    try:
        result = json.loads(record.read_bytes())["result"] or {}
    except (OSError, ValueError, KeyError):
        result = {}
    if run.state_type != StateType.COMPLETED:
        why = result.get("error") or (run.state.message if run.state else "") or said("no reason is known")
        return said("the run {state} ({why}); the champion stays", state=run.state_name, why=why), "high"
    if result.get("decision") == "refused":
        version, why = result["model"]["version"], result["reason"]
        return said("version {version} was refused ({why}); the champion stays", version=version, why=why), "low"
    return "", "low"


def tell(state: MonitorState, config: RefreshConfig, alerts: list[Alert], now: float) -> list[Alert]:
    """Store the alerts that are new and send what the outbox holds; returns the new ones."""
    channels = open_channels(config.notify)
    stored = state.store_alerts(alerts, cooldown_days=config.watch.remind_days, channels=[channel.name for channel in channels])
    link, language = config.notify.link or "", config.dashboard.language
    deliver(state, channels, now, seconds=config.notify.seconds, link=link, language=language)
    return stored


def _warning(config: RefreshConfig, kind: str, series: str, severity: Severity, message: str, when: float) -> Alert:
    day = datetime.fromtimestamp(when, UTC).date().isoformat()
    return Alert.make(
        watch_name(config.name),
        kind=kind,
        series=series,
        severity=severity,
        window=(day, day),
        created=when,
        evidence=as_evidence(message),
    )


def _utc(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d at %H:%M}"
