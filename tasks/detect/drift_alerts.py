"""The detector `drift`: the documents no longer look like those that the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.monitor.alert import Alert
from tasks.monitor.alert_words import FEATURES
from tasks.wording.sentence import as_evidence, said

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
            evidence=as_evidence(describe(drift)),
        )
        for drift in stream.drifts
        if drift.drifted
    ]


def describe(drift: Drift) -> str:
    """Describe a feature's drift in one sentence, for a log or a message."""
    against = said("the training data")
    if drift.reference != "training":
        against = said("the stream's first weeks (the model has no profile)")
    values = {
        "feature": FEATURES[drift.feature],
        "documents": drift.documents,
        "against": against,
        "index": said("stability index {value:.2f}, threshold {threshold:.2f}", value=drift.value, threshold=drift.threshold),
    }
    if drift.drifted:
        return said("{feature} of {documents} documents has drifted from {against}: {index}", **values)
    return said("{feature} of {documents} documents is like that of {against}: {index}", **values)
