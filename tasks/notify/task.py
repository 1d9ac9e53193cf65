"""The notify task, and alerts as Prefect events."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource

from tasks.notify.channels_file import check_channels, read_channels
from tasks.notify.deliver import deliver
from tasks.notify.message import as_json

if TYPE_CHECKING:
    from tasks.config import RefreshConfig
    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState
    from tasks.notify.channels.channel import Channel
    from tasks.notify.deliver import Report
    from tasks.notify.settings import NotifyConfig

EVENT = "textmill.alert"


def open_channels(config: NotifyConfig) -> list[Channel]:
    """The channels of a flow, Prefect events among them; RequestError as `read_channels` raises it."""
    return read_channels(config, emit_event=emit_event)


def check_flow_channels(config: NotifyConfig) -> None:
    """Raise RequestError for a channel that `open_channels` could not use."""
    check_channels(config, emit_event=emit_event)


def emit_event(alert: Alert) -> None:
    """Send an alert to the Prefect server and wait for its answer; an alert that is sent again is the same event."""
    event = Event(
        id=uuid.uuid5(uuid.NAMESPACE_OID, f"{EVENT}/{alert.id}"),
        event=EVENT,
        resource=Resource.model_validate(
            {
                "prefect.resource.id": f"{EVENT}.{alert.id}",
                "textmill.kind": alert.kind,
                "textmill.severity": alert.severity,
            }
        ),
        payload=json.loads(as_json(alert)),
    )
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")]).raise_for_status()


@task(name="notify", task_run_name="notify", cache_policy=NO_CACHE, persist_result=False, retries=0)
def notify(state: MonitorState, channels: list[Channel], now: float, config: RefreshConfig) -> Report:
    """Send the alerts in the outbox."""
    return deliver(
        state,
        channels,
        now,
        seconds=config.notify.seconds,
        digest_after_days=config.detect.cooldown_days,
        link=config.notify.link or "",
        language=config.dashboard.language,
    )
