"""Drift starts a training run: asked for in the monitor's outbox, so that a crash neither loses the run nor doubles it.

The request is an alert of kind `retrain` whose channel is the deployment. The refresh that sees the drift stores it in its own
transaction; emptying the outbox starts the run with the alert's id as Prefect's idempotency key, so a request that is
sent twice starts one run.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from tasks.monitor.alert import DEPLOYMENT, Alert
from tasks.monitor.alert_words import FEATURES
from tasks.wording.sentence import as_evidence, joined, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import RefreshConfig
    from tasks.monitor.state import MonitorState

log = logging.getLogger(__name__)

RETRY_SECONDS = 900.0


def request_retraining(
    state: MonitorState, config: RefreshConfig, drifted: Sequence[str], *, now: float, channels: Sequence[str], why: str = ""
) -> Alert | None:
    """Store the request if these features have drifted and none was stored in the cooldown; returns it if it was stored.

    `channels` are those that inform people, `why` says what has changed in the stream. Nothing is asked for without
    `retrain.deployment`, nor by a backfill, whose drift is of another time.
    """
    deployment = config.retrain.deployment
    if not drifted or deployment is None or config.collect.until is not None:
        return None
    features = joined(", ", [FEATURES.get(feature, feature) for feature in drifted])
    message = said("{features} drifted; {deployment} is started", features=features, deployment=deployment)
    if why:
        message = said("{message}. What has changed: {why}", message=message, why=why)
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    alert = Alert.make(
        state.name,
        kind="retrain",
        series=deployment,
        severity="low",
        window=(today, today),
        created=now,
        evidence=as_evidence(message),
    )
    stored = state.store_alerts(
        [alert], cooldown_days=config.retrain.cooldown_days, channels=[*channels, f"{DEPLOYMENT}{deployment}"]
    )
    return stored[0] if stored else None


def start_requested(state: MonitorState) -> list[str]:
    """Start the training runs that were asked for and are not started yet; returns the ids of the flow runs.

    A deployment that is not there, or a server that refuses, is logged and tried again a quarter of an hour later.
    """
    now = time.time()
    channels = sorted({row["channel"] for row in state.deliveries() if row["channel"].startswith(DEPLOYMENT)})
    started = []
    for delivery in state.outbox(channels, now):
        name = delivery.channel.removeprefix(DEPLOYMENT)
        try:
            started.append(start_run(name, key=delivery.alert.id))
        except (ObjectNotFound, HTTPError) as error:  # no answer in time, too
            reason = f"{name} could not be started ({type(error).__name__}); textmill deploy puts it on the server"
            log.warning(reason)
            state.failed(delivery.alert.id, delivery.channel, reason, now + RETRY_SECONDS)
        else:
            state.delivered(delivery.alert.id, delivery.channel, now)
    return started


def start_run(deployment: str, *, key: str) -> str:
    """Start a deployment once for each `key`; returns the flow run's id."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        return str(client.create_flow_run_from_deployment(found.id, idempotency_key=key).id)
