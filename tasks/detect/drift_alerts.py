"""The detector `drift`: the documents no longer look like those that the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.monitor.alert import Alert

if TYPE_CHECKING:
    from tasks.detect.detector import Stream
    from tasks.detect.drift import Drift


def drift_alerts(stream: Stream) -> list[Alert]:
    """One alert for each feature that has drifted, with a sentence that says how far."""
    return [
        Alert.make(
            stream.state.name,
            kind="drift",
            series=drift.feature,
            severity="low",
            window=(drift.window_start.isoformat(), drift.window_end.isoformat()),
            created=stream.now,
            facts={"count": drift.documents},
            evidence={"message": describe(drift)},
        )
        for drift in stream.drifts
        if drift.drifted
    ]


def describe(drift: Drift) -> str:
    """Describe a feature's drift in one sentence, for a log or a message."""
    against = "the training data" if drift.reference == "training" else "the stream's first weeks (the model has no profile)"
    verdict = "has drifted from" if drift.drifted else "is like that of"
    index = f"stability index {drift.value:.2f}, threshold {drift.threshold:.2f}"
    return f"{drift.feature} of {drift.documents} documents {verdict} {against}: {index}"
