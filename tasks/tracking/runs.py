"""The runs of one MLflow store: what a run records, as MLflow's own client writes it.

`Runs` is what the tracker asks of a store. `MlflowRuns` writes to any store; `SqliteRuns`, in sqlite_runs.py, to a SQLite file
of a known schema without importing MLflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tasks.tracking.client import send_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlflow import MlflowClient

    from tasks.tracking.home import TrackingHome
    from tasks.tracking.places import Places


@dataclass(frozen=True)
class FoundExperiment:
    """An experiment of a store; a deleted one is not active."""

    id: str
    active: bool


class Runs(Protocol):
    """The runs of one store. Each method may raise an error of the store, see `client.is_store_error`."""

    def experiment(self, name: str) -> FoundExperiment | None:
        """The experiment of a name, deleted ones too."""

    def start(self, experiment_id: str, name: str, tags: Mapping[str, str], time: int) -> str:
        """Create a run that began at `time`, in milliseconds since 1970; its id."""

    def log_params(self, run_id: str, params: Sequence[tuple[str, str]]) -> None:
        """Record parameters, of which each is given once."""

    def log_metrics(self, run_id: str, metrics: Sequence[tuple[str, float]], step: int, time: int) -> None:
        """Record metrics at a step number."""

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags, in place of those of the same names."""

    def log_dataset(self, run_id: str, name: str, source: str, digest: str, context: str) -> None:
        """Name a dataset that the run used."""

    def log_files(self, run_id: str, path: Path, to: str | None) -> None:
        """Copy a file, or all files of a folder, to a folder of the run's files."""

    def finish(self, run_id: str, status: str, time: int) -> None:
        """End a run."""

    def find(self, experiment_id: str, tags: Mapping[str, str], *, running: bool = False, limit: int = 1000) -> list[str]:
        """Ids of the runs that have all these tags, the newest first; only those without an end if `running`."""


class MlflowRuns:
    """Runs through MLflow's client, in any store."""

    def __init__(self, home: TrackingHome, client: MlflowClient, places: Places) -> None:
        self._home = home
        self._client = client
        self._places = places

    def experiment(self, name: str) -> FoundExperiment | None:
        """The experiment of a name, deleted ones too."""
        found = self._client.get_experiment_by_name(name)
        return None if found is None else FoundExperiment(found.experiment_id, found.lifecycle_stage == "active")

    def start(self, experiment_id: str, name: str, tags: Mapping[str, str], time: int) -> str:
        """Create a run that began at `time`, in milliseconds since 1970; its id."""
        run = self._client.create_run(experiment_id, start_time=time, tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def log_params(self, run_id: str, params: Sequence[tuple[str, str]]) -> None:
        """Record parameters, of which each is given once."""
        from mlflow.entities import Param

        self._client.log_batch(run_id, params=[Param(name, value) for name, value in params])

    def log_metrics(self, run_id: str, metrics: Sequence[tuple[str, float]], step: int, time: int) -> None:
        """Record metrics at a step number."""
        from mlflow.entities import Metric

        self._client.log_batch(run_id, metrics=[Metric(name, value, time, step) for name, value in metrics])

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags, in place of those of the same names."""
        from mlflow.entities import RunTag

        self._client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def log_dataset(self, run_id: str, name: str, source: str, digest: str, context: str) -> None:
        """Name a dataset that the run used."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name, digest, "local", source)
        self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def log_files(self, run_id: str, path: Path, to: str | None) -> None:
        """Copy a file, or all files of a folder, to a folder of the run's files."""
        if not self._places.former:
            send = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
            send(run_id, str(path), to)
            return
        place = self._places.here(self._client.get_run(run_id).info.artifact_uri, to_write=True)
        send_files(path, place, to, self._home.uri)

    def finish(self, run_id: str, status: str, time: int) -> None:
        """End a run."""
        self._client.set_terminated(run_id, status, time)

    def find(self, experiment_id: str, tags: Mapping[str, str], *, running: bool = False, limit: int = 1000) -> list[str]:
        """Ids of the runs that have all these tags, the newest first; a tag's value must hold no quotes."""
        conditions = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
        if running:
            conditions.insert(0, "attributes.status = 'RUNNING'")
        found = self._client.search_runs([experiment_id], " and ".join(conditions), max_results=limit)
        return [run.info.run_id for run in found]
