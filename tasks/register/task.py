"""The package step, and the registration that follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.register.registration import Candidate, evaluation_tags, register_model
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.artifact import Artifact, Build
    from tasks.config import PackageConfig, RegisterConfig
    from tasks.step import Run
    from tasks.tracking.tracker import Tracker


@step(libraries=("torch", "numpy", "pyarrow", "safetensors", "pandas", "fasttext-community", "rjieba", "opencc"))
def package(build: Build, config: PackageConfig, run: Run, model: Path, dataset: Path) -> dict[str, Any]:
    """Make the model a folder that needs nothing of this project."""
    from tasks.register.package import write_package  # torch again

    return write_package(model, dataset, build.folder, progress=run.progress_for("package"))


# Not a step: registering is a side effect, and whether it happened is the registry's to say, not the store's.
@task(name="register", task_run_name="register", cache_policy=NO_CACHE, persist_result=False, retries=0)
def register(
    run: Run,
    config: RegisterConfig,
    *,
    name: str,
    tracker: Tracker,
    package: Artifact,
    evaluation: Artifact,
    corpus: Artifact,
    holdout: Artifact,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    ready: float,
) -> State:
    """Register the package and decide about the champion; a Registration as Completed, or Cached if nothing was to do.

    `run_id` is the MLflow run that the version belongs to; `tags` go to the version beside accuracy and corpus digest. `ready`
    is when the last step had ended, by time.monotonic: from then on an outage of MLflow's server is waited for.
    """
    tracker.flush()  # a version shall name its run, which may wait in the spool after an outage
    candidate = Candidate(
        package=run.store.folder(package),
        predictions=run.store.folder(evaluation) / "predictions.parquet",
        corpus=run.store.folder(corpus) / "corpus.parquet",
        holdout=holdout.digest,
        labels=tuple(package.report["labels"]),
        tags={"textmill.corpus_digest": corpus.digest, **evaluation_tags(evaluation.report), **(tags or {})},
        run_id=None if run_id is None else tracker.server_run_id(run_id),
    )
    progress = run.progress_for("register")
    made = register_model(
        tracker, config, name, candidate, progress=progress, started=lambda: run.started("register"), ready=ready
    )
    message = f"{name} version {made.version}: {made.decision} ({made.reason})"
    return Completed(name="Cached" if made.decision == "unchanged" else "Completed", message=message, data=made)
