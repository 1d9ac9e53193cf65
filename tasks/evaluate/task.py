"""The steps `evaluate` and `yardstick`, those of the learning curve, and `unmeasured` for where no row has a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.evaluate.evaluation import Evaluation, write_evaluation
from tasks.evaluate.robustness.says import SHOWN as ROBUSTNESS
from tasks.evaluate.says import BESIDE, LEARNING_CURVE, SHOWN, UNMEASURED, YARDSTICK
from tasks.evaluate.slices.says import SLICES
from tasks.evaluate.unmeasured import write_labels
from tasks.evaluate.yardstick import write_yardstick
from tasks.finetune.opened import OF_VIEWS
from tasks.finetune.uses import TABLE, libraries_of, modules_of
from tasks.store.step import Choice, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluate.robustness.settings import RobustnessConfig
    from tasks.evaluate.settings import BesideConfig, CurveConfig, DrawConfig, Measures
    from tasks.evaluate.slices.settings import SliceConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run


@step(libraries=("pyarrow", "numpy", "scipy", "scikit-learn"), shown=YARDSTICK)
def yardstick(build: Build, config: Measures, run: Run, dataset: Path, holdout: Path) -> dict[str, Any]:
    """Score a linear model on the same rows."""
    return write_yardstick(config, dataset, holdout, build.folder, progress=run.progress_for("yardstick"))


@step(libraries=("pyarrow", "numpy", "scipy", "safetensors"), choices=(OF_VIEWS,), shown=SHOWN)
def evaluate(
    build: Build,
    config: Measures,
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
    exchange = run.store.exchange(build, model) if run.engine.elsewhere else None
    progress = run.progress_for("evaluate")
    return write_evaluation(asked, model, build.folder, engine=run.engine, exchange=exchange, progress=progress)


@step(libraries=("pyarrow", "numpy", "scipy"), shown=SLICES)
def slices(
    build: Build, config: SliceConfig, run: Run, evaluation: Path, texts: Path, corpus: Path, kept: Path | None = None
) -> dict[str, Any]:
    """See how the model does on slices of the test rows; `texts` are theirs, `kept` the columns that the corpus keeps."""
    from tasks.evaluate.slices.slices import write_slices

    return write_slices(config, evaluation, texts, corpus, kept, build.folder)


@step(libraries=("pyarrow", "numpy", "scipy", "opencc"), shown=ROBUSTNESS)
def robustness(build: Build, config: RobustnessConfig, run: Run, package: Path, texts: Path, holdout: Path) -> dict[str, Any]:
    """Let the packaged model label the test rows' texts once they are changed."""
    from tasks.evaluate.robustness.robustness import write_robustness

    return write_robustness(config, package, texts, holdout, build.folder, progress=run.progress_for("robustness"))


@step(shown=UNMEASURED)
def unmeasured(build: Build, run: Run, model: Path) -> dict[str, Any]:
    """Say which labels a model knows of which nothing was measured."""
    return write_labels(model, build.folder)


OF_RECIPE = Choice(
    TABLE,
    lambda config, artifacts: modules_of(config.finetune),
    lambda config, artifacts: libraries_of(config.finetune),
)


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_RECIPE,))
def learning_draw(
    build: Build,
    config: DrawConfig,
    run: Run,
    dataset: Path,
    holdout: Path,
    holdout_texts: Path,
    texts: Path | None = None,
    aligned: Path | None = None,
    weights: Path | None = None,
    embedded: Path | None = None,
    held: Path | None = None,
) -> dict[str, Any]:
    """Train the recipe on a few rows and score it; `embedded` has the vectors of the rows' texts, `held` of the test rows'."""
    from tasks.evaluate.learning import Given, measure_draw  # torch

    given = Given(dataset, holdout, holdout_texts, texts, aligned, weights, embedded, held)
    return measure_draw(config, given, build.folder, build.scratch)


@step(libraries=("numpy", "pyarrow", "safetensors", "scipy"), choices=(OF_RECIPE,), shown=BESIDE)
def beside(
    build: Build,
    config: BesideConfig,
    run: Run,
    evaluation: Path,
    dataset: Path,
    holdout: Path,
    holdout_texts: Path,
    aligned: Path | None = None,
) -> dict[str, Any]:
    """Train the recipe on the other split, by time or at random, and compare."""
    from tasks.evaluate.beside import OtherRows, measure_beside  # torch

    given = OtherRows(dataset, holdout, holdout_texts, aligned)
    return measure_beside(config, given, evaluation, build.folder, build.scratch)


@step(libraries=("numpy", "scipy"), shown=LEARNING_CURVE)
def learning_curve(build: Build, config: CurveConfig, run: Run, evaluation: Path, **draws: Path) -> dict[str, Any]:
    """Gather the draws into a curve, and say what the next doubling may bring."""
    from tasks.evaluate.learning import gather

    return gather(config, list(draws.values()), evaluation, build.folder)
