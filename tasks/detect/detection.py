"""What a refresh makes of the state's aggregates: alerts that are new, and how far the stream has drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.detect.explain import evidence
from tasks.detect.surges import find_surges
from tasks.monitor.alert import Alert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import DetectConfig
    from tasks.detect.drift import Drift
    from tasks.monitor.state import MonitorState


def surge_alerts(state: MonitorState, config: DetectConfig, now: float) -> list[Alert]:
    """Alerts, with their evidence, of the surges of the whole history that no stored alert is near.

    `MonitorState.store_alerts` would refuse the others; to explain them would read their documents at each refresh.
    """
    cooldown = config.cooldown_days
    new = [
        surge
        for surge in find_surges(state.counts(), config)
        if not state.is_told("surge", surge.series, surge.severity, surge.window_end.isoformat(), cooldown_days=cooldown)
    ]
    return [
        Alert.make(
            state.name,
            kind="surge",
            series=surge.series,
            severity=surge.severity,
            window_start=surge.window_start.isoformat(),
            window_end=surge.window_end.isoformat(),
            count=surge.count,
            negative_share=surge.negative_share,
            baseline=surge.baseline,
            created=now,
            evidence=evidence(state, surge, config),
        )
        for surge in new
    ]


def drift_alerts(state: MonitorState, drifts: Sequence[Drift], now: float) -> list[Alert]:
    """One alert for each feature that has drifted, with a sentence that says how far."""
    return [
        Alert.make(
            state.name,
            kind="drift",
            series=drift.feature,
            severity="low",
            window_start=drift.window_start.isoformat(),
            window_end=drift.window_end.isoformat(),
            count=drift.documents,
            negative_share=0.0,
            baseline=0.0,
            created=now,
            evidence={"message": describe(drift)},
        )
        for drift in drifts
        if drift.drifted
    ]


def describe(drift: Drift) -> str:
    """One sentence on a feature's drift, for a log or a message."""
    against = "the training data" if drift.reference == "training" else "the stream's first weeks (the model has no profile)"
    verdict = "has drifted from" if drift.drifted else "is like that of"
    index = f"stability index {drift.value:.2f}, threshold {drift.threshold:.2f}"
    return f"{drift.feature} of {drift.documents} documents {verdict} {against}: {index}"
