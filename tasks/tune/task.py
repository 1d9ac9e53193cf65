"""The steps `deal`, `fold_score` and `cross_validation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.uses import TABLE, libraries_of, modules_of
from tasks.store.step import Choice, step
from tasks.tune.deal import write_deal
from tasks.tune.gather import write_gathered
from tasks.tune.says import DEAL, FOLDS

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.artifact import Build
    from tasks.store.step import Run
    from tasks.tune.settings import DealConfig, GatherConfig, HeldFold

OF_RECIPE = Choice(
    TABLE,
    lambda config, artifacts: modules_of(config.finetune),
    lambda config, artifacts: libraries_of(config.finetune),
)


@step(libraries=("numpy", "pyarrow", "scipy"), shown=DEAL)
def deal(build: Build, config: DealConfig, run: Run, dataset: Path, corpus: Path | None = None) -> dict[str, Any]:
    """Deal the train and validation rows into folds; `corpus` where a column that it keeps says what stays together."""
    return write_deal(config, dataset, build.folder, corpus=corpus)


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_RECIPE,))
def fold_score(
    build: Build,
    config: HeldFold,
    run: Run,
    dataset: Path,
    deal: Path,
    texts: Path | None = None,
    aligned: Path | None = None,
    weights: Path | None = None,
    embedded: Path | None = None,
) -> dict[str, Any]:
    """Train the recipe without a fold and score it there."""
    from tasks.tune.measure import OnRows, score_fold  # torch

    return score_fold(config, OnRows(dataset, deal, texts, aligned, weights, embedded), build.folder, build.scratch)


@step(libraries=("numpy", "pyarrow", "scipy"), shown=FOLDS)
def cross_validation(build: Build, config: GatherConfig, run: Run, **folds: Path) -> dict[str, Any]:
    """Gather the folds of a recipe, and those of another one beside them."""
    return write_gathered(config, build.folder, folds)
