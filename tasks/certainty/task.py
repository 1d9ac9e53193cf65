"""The steps `reserve`, `fold_probabilities`, `promise`, `wrong_labels`, `decision` and `certainty`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.certainty.checked import write_certainty
from tasks.certainty.costs import write_decision
from tasks.certainty.reserve import write_reserved
from tasks.certainty.says import CERTAINTY, DECISION, PROMISE, RESERVE, WRONG_LABELS
from tasks.certainty.wrong_labels import write_wrong_labels
from tasks.finetune.opened import OF_VIEWS
from tasks.finetune.uses import TABLE, libraries_of, modules_of
from tasks.store.step import Choice, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.certainty.settings import CertaintyConfig, FoldConfig, PromiseConfig, ReserveConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run

OF_RECIPE = Choice(
    TABLE,
    lambda config, artifacts: modules_of(config.finetune),
    lambda config, artifacts: libraries_of(config.finetune),
)


@step(libraries=("numpy", "pyarrow"), shown=RESERVE)
def reserve(build: Build, config: ReserveConfig, run: Run, dataset: Path, texts: Path | None = None) -> dict[str, Any]:
    """Hold validation rows back, which then choose nothing of the model."""
    return write_reserved(config, dataset, texts, build.folder)


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_RECIPE,))
def fold_probabilities(
    build: Build,
    config: FoldConfig,
    run: Run,
    dataset: Path,
    texts: Path | None = None,
    aligned: Path | None = None,
    weights: Path | None = None,
    embedded: Path | None = None,
) -> dict[str, Any]:
    """Train the recipe without a fold of the train rows, and let it judge that fold."""
    from tasks.certainty.folds import Given, measure_fold  # torch

    return measure_fold(config, Given(dataset, texts, aligned, weights, embedded), build.folder, build.scratch)


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_VIEWS,), shown=PROMISE)
def promise(
    build: Build,
    config: PromiseConfig,
    run: Run,
    model: Path,
    dataset: Path,
    texts: Path | None = None,
    held: Path | None = None,
    held_texts: Path | None = None,
    embedded: Path | None = None,
    **folds: Path,
) -> dict[str, Any]:
    """Count what the model's answers came to at each confidence, on rows that chose nothing of it."""
    from tasks.certainty.promise import write_promise  # torch

    parts = list(folds.values())
    return write_promise(
        *(config, model, dataset, build.folder),
        texts=texts,
        held=held,
        held_texts=held_texts,
        embedded=embedded,
        folds=parts,
    )


@step(libraries=("numpy", "pyarrow"), shown=WRONG_LABELS)
def wrong_labels(build: Build, run: Run, dataset: Path, texts: Path, **folds: Path) -> dict[str, Any]:
    """Rank the train rows by how probably their label is wrong."""
    return write_wrong_labels(dataset, texts, list(folds.values()), build.folder)


@step(libraries=("numpy",), shown=DECISION)
def decision(build: Build, config: CertaintyConfig, run: Run, dataset: Path) -> dict[str, Any]:
    """Make of a file of costs what a package answers by."""
    return write_decision(config.costs, dataset, build.folder) if config.costs else {}


@step(libraries=("numpy", "pyarrow"), shown=CERTAINTY)
def certainty(
    build: Build, config: CertaintyConfig, run: Run, evaluation: Path, promised: Path | None = None
) -> dict[str, Any]:
    """Say what promises and costs come to on the test rows."""
    return write_certainty(config, evaluation, build.folder, promise=promised)
