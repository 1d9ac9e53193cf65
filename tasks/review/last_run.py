"""The last finished run of a name: its record, and the folders of what its steps made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.store.artifact import DamagedArtifact, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class LastRun:
    """The record of a run, and the store that has its artifacts."""

    store: Store
    record: Mapping[str, Any]

    def folder(self, step: str) -> Path | None:
        """The verified folder of a step's artifact; None if the run had no such step, or its artifact is gone or damaged."""
        key = self.record["keys"].get(step)
        if key is None:
            return None
        try:
            return self.store.folder(self.store.verify(step, key))
        except DamagedArtifact:
            return None

    def report(self, step: str) -> Mapping[str, Any]:
        """What a step reported; empty as `folder` is None."""
        key = self.record["keys"].get(step)
        try:
            return {} if key is None else self.store.verify(step, key).report
        except DamagedArtifact:
            return {}

    @property
    def labels(self) -> list[str]:
        """The labels of its corpus."""
        return sorted(self.report("ingest").get("labels", {}))


def last_run(data_root: Path, name: str) -> LastRun | None:
    """The last finished training run of a name; None if there is none. Records that cannot be read are passed over."""
    found = [record for record in _finished(data_root) if record["name"] == name]
    return LastRun(Store(data_root), max(found, key=lambda record: record["started"])) if found else None


def trained_names(data_root: Path) -> list[str]:
    """The names that have a finished training run."""
    return sorted({str(record["name"]) for record in _finished(data_root)})


def _finished(data_root: Path) -> Iterator[Mapping[str, Any]]:
    for path in (data_root / "runs").glob("*.json"):
        try:
            record = json.loads(path.read_bytes())
            if record["status"] == "finished" and {"ingest", "prepare"} <= record["keys"].keys() and record["started"]:
                yield {**record, "name": record["name"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
