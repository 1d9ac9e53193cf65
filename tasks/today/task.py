"""The task that says how good the model is today and what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.store.digests import canonical
from tasks.today.alerts import tell_if_below
from tasks.today.change import find_change
from tasks.today.kept import CHANGE, STANDING
from tasks.today.standing import find_standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.detect.drift import Drift
    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState
    from tasks.register.models import LoadedModel
    from tasks.today.settings import TodayConfig


@task(name="today", task_run_name="today", cache_policy=NO_CACHE, persist_result=False)
def today(
    state: MonitorState,
    config: TodayConfig,
    loaded: LoadedModel,
    drifts: Sequence[Drift],
    data_root: Path,
    now: float,
    channels: Sequence[str] | None,
) -> tuple[dict[str, Any], list[Alert]]:
    """Keep with the monitor what is `expected` of the model and what has `changed`; returns both, and the alerts stored.

    `channels` are those that are told. With None nobody is, as of a backfill, whose days are of another time.
    """
    standing = find_standing(state, loaded, config, drifts, data_root)
    changed = find_change(state, config)
    expected = standing.held(config.margin) if standing else None
    for key, value in ((STANDING, expected), (CHANGE, changed)):
        state.keep_setting(key, canonical(value) if value else "")
    found = {"expected": expected, "changed": changed}
    if channels is None:
        return found, []
    return found, tell_if_below(state, standing, config.margin, now=now, channels=channels)
