"""Hosts that share a registry and a bucket: data roots of their own before one MLflow store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.tracking.tracker import Tracker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3 import S3

LEASE_SECONDS = 2.0  # thirty by default


def host(
    database: Path, root: Path, address: str | None, *, lease: float = LEASE_SECONDS, experiment: str | None = None
) -> Tracker:
    """A host's tracker of a registry in a SQLite file, which stands for a server's: lock and ledger are the host's own."""
    tracker = Tracker.open(f"sqlite:///{database}", root, root / "checkout", experiment)
    tracker.home = replace(tracker.home, folder=root / "mlflow", database=None, bucket=address, lease_seconds=lease)
    tracker.home.folder.mkdir(parents=True, exist_ok=True)
    return tracker


def decided(server: S3, prefix: str) -> list[list[dict[str, Any]]]:
    """The decisions in a bucket, by objects in order of their numbers, which have no gap."""
    places = server.places(f"{prefix}/ledger/")
    numbers = [int(place.rpartition("/")[2]) for place in places]
    if numbers != list(range(1, len(numbers) + 1)):
        raise AssertionError(f"the decisions have the numbers {numbers}")
    return [json.loads(server.get(place))["entries"] for place in places]
