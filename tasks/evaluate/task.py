"""The steps `evaluate` and `yardstick`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.evaluate.evaluation import Evaluation, write_evaluation
from tasks.evaluate.says import SHOWN, YARDSTICK
from tasks.evaluate.yardstick import write_yardstick
from tasks.finetune.opened import OF_VIEWS
from tasks.store.step import step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluate.settings import EvaluateConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run


@step(libraries=("pyarrow", "numpy", "scipy", "scikit-learn"), shown=YARDSTICK)
def yardstick(build: Build, config: EvaluateConfig, run: Run, dataset: Path, holdout: Path) -> dict[str, Any]:
    """Score a linear model on the same rows."""
    return write_yardstick(config, dataset, holdout, build.folder, progress=run.progress_for("yardstick"))


@step(libraries=("pyarrow", "numpy", "scipy", "safetensors"), choices=(OF_VIEWS,), shown=SHOWN)
def evaluate(
    build: Build,
    config: EvaluateConfig,
    run: Run,
    model: Path,
    holdout: Path,
    texts: Path,
    dataset: Path,
    yardstick: Path | None = None,
    embedded: Path | None = None,
) -> dict[str, Any]:
    """Score the model on the test rows; `texts` are theirs, for the report to quote, and `embedded` their vectors."""
    asked = Evaluation(config, dataset, holdout, texts, yardstick, embedded)
    return write_evaluation(asked, model, build.folder, progress=run.progress_for("evaluate"))
