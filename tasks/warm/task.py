"""The steps of a training that may start from a champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.opened import OF_VIEWS
from tasks.store.step import step
from tasks.warm.says import BATCHES, BEGIN, EARLIER_BATCHES, LINEAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.artifact import Build
    from tasks.store.step import Run
    from tasks.warm.settings import BatchesConfig, BeginConfig, EarlierConfig, LineageConfig


@step(libraries=("numpy", "pyarrow", "safetensors"), shown=BATCHES)
def batches(build: Build, config: BatchesConfig, run: Run, holdout: Path) -> dict[str, Any]:
    """Tell with which batch each test row came."""
    from tasks.warm.batches import write_batches

    return write_batches(config, holdout, build.folder)


@step(libraries=("numpy", "pyarrow"), shown=BEGIN)
def begin(build: Build, config: BeginConfig, run: Run, dataset: Path) -> dict[str, Any]:
    """Choose the rows that a champion is trained on with; nothing, and why, where it is no start."""
    from tasks.warm.begin import write_begin

    return write_begin(config, dataset, build.folder)


@step(libraries=("numpy", "pyarrow", "safetensors"), shown=LINEAGE)
def lineage(build: Build, config: LineageConfig, run: Run, dataset: Path, batches: Path) -> dict[str, Any]:
    """Write where the model comes from and which rows it knows, for its package."""
    from tasks.warm.known import write_known

    return write_known(config, dataset, batches, build.folder)


@step(libraries=("numpy", "pyarrow", "safetensors", "scipy"), choices=(OF_VIEWS,), shown=EARLIER_BATCHES)
def earlier(
    build: Build,
    config: EarlierConfig,
    run: Run,
    model: Path,
    evaluation: Path,
    batches: Path,
    holdout: Path,
    texts: Path,
    fresh: Path | None = None,
) -> dict[str, Any]:
    """Measure the model on each batch of test rows, beside the champion and a model that was trained anew."""
    from tasks.warm.earlier import TestFolders, measure_batches

    given = TestFolders(evaluation, batches, holdout, texts, model, fresh)
    return measure_batches(config, given, build.folder, progress=run.progress_for("earlier"))
