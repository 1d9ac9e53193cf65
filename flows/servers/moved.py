"""The deployments of a data root that was copied, moved or restored: their runs work in the folder where it is now.

A deployment holds the absolute paths that it was made with. Left so, the schedules of a copy would train and refresh the
original.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from flows.servers.deployed import read_deployments, read_pages
from tasks.tracking.places import former_folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.orchestration import SyncPrefectClient

    from tasks.tracking.home import TrackingHome

log = logging.getLogger(__name__)


def bring_deployments(client: SyncPrefectClient, home: TrackingHome) -> list[str]:
    """Change the paths of the data root's own deployments to today's, and of the runs that are planned or overdue.

    Returns the names of the deployments that were changed.

    The folder that moved is the one that holds the store: the data root, or the checkout with its folder `data`.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    now = home.folder.parent
    moves = {str(folder.parent): str(now) for folder in former_folders(home) if folder.parent != now}
    changed = []
    for name, deployment in read_deployments(client).items() if moves else ():
        before = {"parameters": deployment.parameters, "pull_steps": deployment.pull_steps}
        after = moved_paths(before, moves)
        if after != before:
            client.update_deployment(deployment.id, DeploymentUpdate(**after))
            changed.append(name)
    if moves:
        _bring_planned_runs(client, moves)
    if changed:
        log.warning("%s work in %s now, and no longer in %s", *(", ".join(changed), now, " or ".join(sorted(moves))))
    return changed


def _bring_planned_runs(client: SyncPrefectClient, moves: Mapping[str, str]) -> None:
    """A run keeps the parameters that its deployment had when it was planned, and Prefect plans only future ones anew."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING]))
    for run in read_pages(functools.partial(client.read_flow_runs, flow_run_filter=FlowRunFilter(state=waiting))):
        if (after := moved_paths(run.parameters, moves)) != run.parameters:
            client.update_flow_run(run.id, parameters=after)


def moved_paths(value: Any, moves: Mapping[str, str]) -> Any:
    """A JSON value in which every path in one of the former folders is in today's."""
    if isinstance(value, dict):
        return {key: moved_paths(each, moves) for key, each in value.items()}
    if isinstance(value, list):
        return [moved_paths(each, moves) for each in value]
    for former, now in moves.items() if isinstance(value, str) else ():
        if value == former or value.startswith(f"{former}/"):
            return now + value.removeprefix(former)
    return value
