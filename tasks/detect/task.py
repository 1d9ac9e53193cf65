"""The detect task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.detect.detection import drift_alerts, surge_alerts
from tasks.detect.drift import find_drift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import DetectConfig
    from tasks.detect.drift import Drift
    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState
    from tasks.register.profile import Profile


@task(name="detect", task_run_name="detect", cache_policy=NO_CACHE, persist_result=False)
def detect(
    state: MonitorState, config: DetectConfig, reference: Profile | None, model: str, now: float, channels: Sequence[str]
) -> tuple[list[Alert], list[Drift]]:
    """Store the alerts that are new, explained, for `channels` to tell; returns them and how far each feature has drifted.

    Drift is told of the days that `model` (NAME/VERSION), which `reference` is the profile of, has scored alone.
    """
    drifts = find_drift(state.histograms(), reference, config, state.days_of(model))
    stored = state.store_alerts(surge_alerts(state, config, now), cooldown_days=config.cooldown_days, channels=channels)
    stored += state.store_alerts(drift_alerts(state, drifts, now), cooldown_days=config.drift_days, channels=channels)
    return stored, drifts
