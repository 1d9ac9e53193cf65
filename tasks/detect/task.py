"""The detect task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.detect.detector import Stream
from tasks.detect.detectors import DETECTORS
from tasks.detect.drift import find_drift
from tasks.detect.stories import follow_stories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.detect.drift import Drift
    from tasks.detect.settings import DetectConfig
    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState
    from tasks.register.profile import Profile


@task(name="detect", task_run_name="detect", cache_policy=NO_CACHE, persist_result=False)
def detect(
    state: MonitorState, config: DetectConfig, reference: Profile | None, model: str, now: float, channels: Sequence[str]
) -> tuple[list[Alert], list[Drift]]:
    """Store the alerts that are new, with their evidence, for `channels`; return them and how far each feature has drifted.

    Before, find the copies among the documents that the open refresh has added.
    Drift compares `reference`, the profile of `model` (NAME/VERSION), with the days that this model alone has scored.
    """
    follow_stories(state, config)
    drifts = find_drift(state.histograms(), reference, config, state.days_of(model))
    stream = Stream(state, config, now, drifts)
    stored: list[Alert] = []
    for detector in DETECTORS:
        cooldown_days = detector.cooldown_days(config)
        stored += state.store_alerts(detector.find(stream), cooldown_days=cooldown_days, channels=channels)
    return stored, drifts
