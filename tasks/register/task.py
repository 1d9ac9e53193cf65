"""The steps package and folds, and the registration that follows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.align.fetch import local_copies
from tasks.errors import RequestError, UnavailableError
from tasks.model.text.tokenize import TEXT_LIBRARIES
from tasks.register.evidence import Folds
from tasks.register.registration import Candidate, ask_for_folds, evaluation_tags, register_model
from tasks.register.shortfall import find_shortfall
from tasks.store.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.config import PackageConfig, RegisterConfig
    from tasks.register.folds import FoldsConfig
    from tasks.register.recipe import Recipe
    from tasks.store.artifact import Artifact, Build
    from tasks.store.step import Run
    from tasks.tracking.tracker import Tracker


@step(libraries=("torch", "numpy", "pyarrow", "safetensors", "pandas", "fasttext-community", *TEXT_LIBRARIES))
def package(build: Build, config: PackageConfig, run: Run, model: Path, dataset: Path) -> dict[str, Any]:
    """Make the model a folder that needs nothing of this project."""
    from tasks.register.package import write_package  # torch again

    return write_package(model, dataset, build.folder, progress=run.progress_for("package"))


@step(libraries=("torch", "numpy", "pyarrow", "safetensors", "scipy", "scikit-learn", "fasttext-community", *TEXT_LIBRARIES))
def folds(build: Build, config: FoldsConfig, run: Run, corpus: Path, dataset: Path) -> dict[str, Any]:
    """Train the challenger's recipe and its rivals' anew on folds of the corpus."""
    from tasks.register.folds import write_folds

    progress = run.progress_for("folds")
    return write_folds(config, corpus, dataset, build.folder, build.scratch, progress=progress)


@dataclass(frozen=True)
class FoldQuestion:
    """Whether folds are wanted: what the step is to train, or why it is not run; neither where the test rows decide.

    `roles` has the role in the step's report, or a reason, of each registered version that is asked about.
    """

    config: FoldsConfig | None = None
    reason: str = ""
    roles: Mapping[int, str] = field(default_factory=dict)

    def evidence(self, measured: Artifact | None) -> dict[int, Folds | str] | None:
        """Recipe evidence by version from what the step measured, or why there is none; None if nobody asked."""
        if measured is None:
            return dict.fromkeys(self.roles, self.reason) or None
        report = measured.report
        return {
            version: Folds.of(report, role) if role in report["differences"] else report["reasons"].get(role, role)
            for version, role in self.roles.items()
        }


def make_candidate(
    run: Run,
    recipe: Recipe,
    *,
    package: Artifact,
    evaluation: Artifact,
    corpus: Artifact,
    holdout: Artifact,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Candidate:
    """What a run has to register; `tags` go to the version beside accuracy, corpus digest and recipe."""
    own = {"textmill.corpus_digest": corpus.digest, **evaluation_tags(evaluation.report), **recipe.tags()}
    folder = run.store.folder(evaluation)
    return Candidate(
        package=run.store.folder(package),
        predictions=folder / "predictions.parquet",
        corpus=run.store.folder(corpus) / "corpus.parquet",
        holdout=holdout.digest,
        labels=tuple(package.report["labels"]),
        tags={**own, **(tags or {})},
        run_id=run_id,
        shortfall=find_shortfall(folder, recipe.finetune.model),
    )


def question_folds(
    run: Run,
    config: RegisterConfig,
    recipe: Recipe,
    *,
    name: str,
    tracker: Tracker,
    package: Artifact,
    evaluation: Artifact,
    corpus: Artifact,
    prepared: Artifact,
    ready: float,
) -> FoldQuestion:
    """Ask whether folds could change the gate's decision about what this run made, and whether they are affordable.

    `ready` is when the last step had ended, by time.monotonic.
    """
    runs, progress = run.store.data_root / "runs", run.progress_for("folds")
    candidate = make_candidate(
        run,
        recipe,
        package=package,
        evaluation=evaluation,
        corpus=corpus,
        holdout=prepared.narrow("holdout"),
    )
    asked = ask_for_folds(tracker, config, name, candidate, runs, progress=progress, ready=ready)
    if not asked:
        return FoldQuestion()
    from tasks.register.folds import FoldsConfig, num_splits

    roles = {each.version: each.role for each in asked}
    try:
        recipes = {each.role: _runnable(run, each.recipe) for each in asked}
        splits = prepared.report["splits"]
        number = num_splits(splits["train"] + splits["valid"])
        wanted = {role: value for each in asked for role, value in _fields(each.role, recipes[each.role], each.package)}
        made = FoldsConfig(challenger=_runnable(run, recipe), splits=number, seconds=60 * config.fold_minutes, **wanted)
    except (RequestError, UnavailableError) as error:
        return FoldQuestion(None, str(error), roles)
    return FoldQuestion(made, "", roles)


def _fields(role: str, recipe: Recipe, package: Path) -> list[tuple[str, Any]]:
    return [(role, recipe), (f"{role}_package", package)]


def _runnable(run: Run, recipe: Recipe | str) -> Recipe:
    """The recipe with what it names by URL on this machine; RequestError if it cannot be run."""
    if isinstance(recipe, str):
        raise RequestError(recipe)
    align = recipe.align
    if recipe.finetune.needs_vectors:
        align = local_copies(align, run.store.data_root, run.store.fingerprints, progress=run.progress_for("folds"))
    return recipe.model_copy(update={"align": align})


# Not a step: registering is a side effect, and whether it happened is the registry's to say, not the store's.
@task(name="register", task_run_name="register", cache_policy=NO_CACHE, persist_result=False, retries=0)
def register(
    run: Run,
    config: RegisterConfig,
    *,
    recipe: Recipe,
    name: str,
    tracker: Tracker,
    package: Artifact,
    evaluation: Artifact,
    corpus: Artifact,
    holdout: Artifact,
    question: FoldQuestion,
    folds: Artifact | None,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    ready: float,
) -> State:
    """Register the package and decide about the champion; a Registration as Completed, or Cached if nothing was to do.

    `folds` is what the step of that name made if `question` asked for it. `run_id` is the MLflow run that the version belongs
    to; `tags` go to the version. `ready` is when the last step had ended, by time.monotonic: from then on an outage of MLflow's
    server is waited for.
    """
    tracker.flush()  # a version shall name its run, which may wait in the spool after an outage
    candidate = make_candidate(
        run,
        recipe,
        package=package,
        evaluation=evaluation,
        corpus=corpus,
        holdout=holdout,
        run_id=None if run_id is None else tracker.server_run_id(run_id),
        tags=tags,
    )
    progress = run.progress_for("register")
    made = register_model(
        tracker,
        config,
        name,
        candidate,
        folds=question.evidence(folds),
        progress=progress,
        started=lambda: run.started("register"),
        ready=ready,
    )
    message = f"{name} version {made.version}: {made.decision} ({made.reason})"
    return Completed(name="Cached" if made.decision == "unchanged" else "Completed", message=message, data=made)
