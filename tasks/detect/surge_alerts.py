"""The detector `surge`: more negative news than the past of a series explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.detect.explain import COLUMNS, evidence
from tasks.detect.judged import SHARED
from tasks.detect.read_days import ReadDays
from tasks.detect.surges import find_surges
from tasks.monitor.alert import Alert
from tasks.monitor.tables import ALL

if TYPE_CHECKING:
    from tasks.detect.detector import Stream
    from tasks.detect.settings import DetectConfig
    from tasks.detect.surges import Surge


def surge_alerts(stream: Stream) -> list[Alert]:
    """Alerts, with their evidence, of the surges of the whole history that are not near a stored alert.

    `MonitorState.store_alerts` would refuse the others; to explain them would read their documents at each refresh.
    """
    state, config = stream.state, stream.config
    cooldown = config.cooldown_days
    new = [
        surge
        for surge in find_surges(state.counts(stories=config.count == "stories"), config)
        if not state.is_stored("surge", surge.series, surge.severity, surge.window_end.isoformat(), cooldown_days=cooldown)
    ]
    documents = ReadDays(state, COLUMNS)
    return [
        Alert.make(
            state.name,
            kind="surge",
            series=surge.series,
            severity=surge.severity,
            window=(surge.window_start.isoformat(), surge.window_end.isoformat()),
            created=stream.now,
            facts=facts(surge, config),
            evidence=evidence(state, surge, config, documents),
        )
        for surge in new
    ]


def facts(surge: Surge, config: DetectConfig) -> dict[str, Any]:
    """The figures of a surge, with what was counted and how many false alarms of its severity are accepted in 1,000 days."""
    accepted = config.false_alarms_high if surge.severity == "high" else config.false_alarms_low
    if surge.series == ALL and surge.num_days != config.window_days:
        accepted *= SHARED
    return {
        "count": surge.count,
        "negative_share": surge.negative_share,
        "baseline": surge.baseline,
        "baseline_count": surge.baseline_count,
        "counted": config.count,
        "false_alarms": accepted,
    }
