"""The MLflow store that a run records in and registers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT
from tasks.tracking.tracker import Tracker

if TYPE_CHECKING:
    from tasks.runtime import Runtime


def open_tracker(runtime: Runtime, experiment: str | None) -> Tracker:
    """Open the store of a data root, or the server that is named; see `Tracker.open`."""
    return Tracker.open(
        runtime.tracking_uri,
        runtime.data_root,
        CHECKOUT,
        experiment,
        bucket=runtime.store,
        lease_seconds=runtime.store_lease,
    )
