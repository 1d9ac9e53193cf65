"""The alert that less is expected of the model than was promised: once, until it is as good as promised again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.monitor.alert import Alert
from tasks.today.kept import TOLD
from tasks.today.standing import standing_in_words
from tasks.wording.sentence import as_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.monitor.state import MonitorState
    from tasks.today.standing import Standing

KIND = "expected"


def tell_if_below(
    state: MonitorState, standing: Standing | None, margin: float, *, now: float, channels: Sequence[str]
) -> list[Alert]:
    """Store an alert if the expectation has fallen below the promise since the last refresh; returns what was stored.

    It is part of the open refresh. The model counts as recovered when its expectation is within `margin` of the promise again.
    """
    if standing is None:
        return []
    told = state.setting(TOLD) or ""
    if standing.estimate.figures.accuracy >= standing.promised.measured.accuracy - margin:
        if told:
            state.keep_setting(TOLD, "")
        return []
    if not standing.is_below(margin) or told == standing.model:
        return []
    held = standing.held(margin)
    alert = Alert.make(
        state.name,
        kind=KIND,
        series=standing.model,
        severity="high" if standing.reliable else "low",
        window=(standing.start, standing.end),
        created=now,
        facts={"count": held["documents"], "accuracy": held["accuracy"], "promised_accuracy": held["promised_accuracy"]},
        evidence=as_evidence(standing_in_words(held)),
    )
    stored = state.store_alerts([alert], cooldown_days=0, channels=channels)
    state.keep_setting(TOLD, standing.model)
    return stored
