"""The detectors that a refresh runs, in this order. A new one is a file with a function from Stream to alerts, and a line here.

The `kind` of its alerts is the detector's name. Give each a `message` in `evidence`, a sentence for people, and its figures as
`facts`: channels, the dashboard, `--json` and the outbox take them as they are.
"""

from __future__ import annotations

from tasks.detect.detector import Detector
from tasks.detect.drift_alerts import drift_alerts
from tasks.detect.subject_alerts import subject_alerts
from tasks.detect.surge_alerts import surge_alerts

DETECTORS = (
    Detector(surge_alerts, lambda config: config.cooldown_days),
    Detector(subject_alerts, lambda config: config.cooldown_days),
    Detector(drift_alerts, lambda config: config.drift_days),
)
