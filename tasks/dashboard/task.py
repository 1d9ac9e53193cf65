"""The task `dashboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.dashboard.page import write_dashboard

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import RefreshConfig
    from tasks.marked import Explainer
    from tasks.monitor.state import MonitorState
    from tasks.register.profile import Profile


@task(name="dashboard", task_run_name="dashboard", cache_policy=NO_CACHE, persist_result=False)
def dashboard(
    state: MonitorState,
    config: RefreshConfig,
    reference: Profile | None,
    model: str,
    explain: Explainer | None = None,
    unexplained: str = "",
) -> Path:
    """Write the page of a monitor beside its state; returns its path."""
    return write_dashboard(state, config, state.folder / "dashboard.html", reference, model, explain, unexplained)
