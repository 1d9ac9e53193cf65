"""The steps package and folds, and the registration that follows them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.align.fetch import local_copies
from tasks.errors import RequestError, UnavailableError
from tasks.finetune.opened import OF_VIEWS
from tasks.finetune.uses import TABLE as KINDS
from tasks.finetune.uses import libraries_of, modules_of
from tasks.prepare.uses import TABLE as TOKENIZERS
from tasks.prepare.uses import text_libraries, text_modules
from tasks.register.candidate import Candidate, evaluation_tags
from tasks.register.evidence import Folds
from tasks.register.promised import promised_tags
from tasks.register.registration import Registrar
from tasks.register.says import FOLDS
from tasks.register.shortfall import find_shortfall
from tasks.store.artifact import section_values
from tasks.store.step import Choice, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.register.folds import FoldsConfig
    from tasks.register.recipe import Recipe
    from tasks.register.settings import RegisterConfig
    from tasks.register.slices import NamedSlices
    from tasks.store.artifact import Artifact, Build
    from tasks.store.step import Run
    from tasks.tracking.tracker import Tracker


OF_TEXTS = Choice(
    TOKENIZERS,
    lambda config, artifacts: text_modules(artifacts["dataset"].report["tokenizer"]),
    lambda config, artifacts: text_libraries(artifacts["dataset"].report["tokenizer"], artifacts["dataset"].report["han"]),
)


@step(libraries=("numpy", "pyarrow", "safetensors", "pandas"), choices=(OF_VIEWS, OF_TEXTS))
def package(
    build: Build,
    run: Run,
    model: Path,
    dataset: Path,
    texts: Path | None = None,
    embedded: Path | None = None,
    abstention: Path | None = None,
    decision: Path | None = None,
    replies: Path | None = None,
    lineage: Path | None = None,
) -> dict[str, Any]:
    """Make the model a folder that needs nothing of this project; `texts` and `embedded` are the dataset's, if read.

    `lineage` says where the model comes from, in a run that may start from a champion.
    """
    from tasks.register.package import write_package  # torch again

    progress = run.progress_for("package")
    carries = [each for each in (abstention, decision, replies) if each is not None]
    return write_package(
        model,
        dataset,
        build.folder,
        texts=texts,
        embedded=embedded,
        carries=carries,
        lineage=lineage,
        progress=progress,
    )


def _recipes(config: FoldsConfig) -> list[Recipe]:
    return [config.challenger, *(recipe for recipe, _ in config.rivals.values())]


KINDS_OF_RECIPES = Choice(
    KINDS,
    lambda config, artifacts: modules_of(*(recipe.finetune for recipe in _recipes(config))),
    lambda config, artifacts: libraries_of(*(recipe.finetune for recipe in _recipes(config))),
)
TEXTS_OF_RECIPES = Choice(
    TOKENIZERS,
    lambda config, artifacts: [name for each in _recipes(config) for name in text_modules(each.prepare.tokenizer)],
    lambda config, artifacts: [
        name for each in _recipes(config) for name in text_libraries(each.prepare.tokenizer, each.prepare.han)
    ],
)


@step(
    libraries=("numpy", "pyarrow", "safetensors", "scipy", "scikit-learn"),
    choices=(KINDS_OF_RECIPES, TEXTS_OF_RECIPES),
    shown=FOLDS,
)
def folds(
    build: Build,
    config: FoldsConfig,
    run: Run,
    dataset: Path,
    texts: Path,
    weights: Path | None = None,
    embedded: Path | None = None,
) -> dict[str, Any]:
    """Train the challenger's recipe and its rivals' anew on folds of the dataset."""
    from tasks.register.folds import write_folds

    progress = run.progress_for("folds")
    given = {"weights": weights, "embedded": embedded}
    return write_folds(config, dataset, texts, build.folder, build.scratch, **given, progress=progress)


@dataclass(frozen=True)
class FoldQuestion:
    """Whether folds are wanted: the step's configuration, or the reason why it is not run; neither where the test rows decide.

    `roles` has the role in the step's report, or a reason, of each registered version that is asked about.
    """

    config: FoldsConfig | None = None
    reason: str = ""
    roles: Mapping[int, str] = field(default_factory=dict)

    def evidence(self, measured: Artifact | None) -> dict[int, Folds | str] | None:
        """Recipe evidence by version from the step's artifact, or the reason in its place; None if it was not asked for."""
        if measured is None:
            return dict.fromkeys(self.roles, self.reason) or None
        report = measured.report
        return {
            version: Folds.of(report, role) if role in report["differences"] else report["reasons"].get(role, role)
            for version, role in self.roles.items()
        }


def make_candidate(
    run: Run,
    name: str,
    recipe: Recipe,
    *,
    package: Artifact,
    evaluation: Artifact,
    corpus: Artifact,
    holdout: Artifact,
    texts: Artifact,
    tags: Mapping[str, str],
    run_id: str | None,
    slices: NamedSlices | None = None,
) -> Candidate:
    """Gather the artifacts of a run as a candidate for the champion of `name`; `run_id` is the run in MLflow.

    `tags` go to the version beside accuracy, corpus digest and recipe.
    """
    folder = run.store.folder(evaluation)
    predictions = folder / "predictions.parquet"
    own = {"textmill.corpus_digest": corpus.digest, **evaluation_tags(evaluation.report), **recipe.tags()}
    own |= promised_tags(evaluation.report, predictions)
    return Candidate(
        name=name,
        package=run.store.folder(package),
        predictions=predictions,
        texts=run.store.folder(texts),
        holdout=holdout.digest,
        labels=tuple(package.report["labels"]),
        tags={**own, **tags},
        run_id=run_id,
        shortfall=find_shortfall(folder, recipe.finetune.model),
        slices=slices,
    )


def make_unmeasured(
    run: Run,
    name: str,
    recipe: Recipe,
    *,
    package: Artifact,
    corpus: Artifact,
    holdout: Artifact,
    texts: Artifact,
    tags: Mapping[str, str],
    run_id: str | None,
) -> Candidate:
    """Gather the artifacts of a run without labelled rows as a candidate that is registered and not judged."""
    return Candidate(
        name=name,
        package=run.store.folder(package),
        predictions=None,
        texts=run.store.folder(texts),
        holdout=holdout.digest,
        labels=tuple(package.report["labels"]),
        tags={"textmill.corpus_digest": corpus.digest, **recipe.tags(), **tags},
        run_id=run_id,
    )


def question_folds(
    run: Run,
    config: RegisterConfig,
    candidate: Candidate,
    recipe: Recipe,
    tracker: Tracker,
    *,
    rows: int,
    ready: float,
    goes_on: bool = False,
) -> FoldQuestion:
    """Ask whether folds could change the gate's decision about a candidate of this recipe, and whether they are affordable.

    `rows` may be trained on. `ready` is when the last step had ended, by time.monotonic. `goes_on`: the candidate was trained
    on from the champion.
    """
    registrar = Registrar(tracker, config, progress=run.progress_for("folds"), ready=ready)
    asked = registrar.ask_for_folds(candidate, run.store.data_root / "runs")
    if not asked:
        return FoldQuestion()
    from tasks.register.folds import FoldsConfig, num_splits

    roles = {each.version: each.role for each in asked}
    try:
        recipes = {each.role: _runnable(run, each.recipe, recipe) for each in asked}
        number = num_splits(rows)
        wanted = {role: value for each in asked for role, value in _fields(each.role, recipes[each.role], each.package)}
        made = FoldsConfig(
            challenger=_runnable(run, recipe, recipe),
            splits=number,
            seconds=60 * config.fold_minutes,
            goes_on=goes_on,
            **wanted,
        )
    except (RequestError, UnavailableError) as error:
        return FoldQuestion(None, str(error), roles)
    return FoldQuestion(made, "", roles)


def _fields(role: str, recipe: Recipe, package: Path) -> list[tuple[str, Any]]:
    return [(role, recipe), (f"{role}_package", package)]


def _runnable(run: Run, recipe: Recipe | str, challenger: Recipe) -> Recipe:
    """The recipe with local copies of the files that it names by URL; RequestError if it cannot be run, or a file is gone.

    Pretrained weights and vectors of texts are the challenger's; a recipe with others cannot be run beside it.
    """
    if isinstance(recipe, str):
        raise RequestError(recipe)
    own = challenger.finetune
    starts = recipe.starts_from is None or recipe.starts_from == challenger.starts_from
    if not starts or recipe.finetune.embeds not in (None, own.embeds):
        raise RequestError("it starts from other pretrained weights than this run, or reads texts with them in another way")
    align = recipe.align
    if recipe.finetune.needs_vectors:
        align = local_copies(align, run.store.data_root, run.store.fingerprints, progress=run.progress_for("folds"))
    made = recipe.model_copy(update={"align": align, "finetune": recipe.finetune.keyed()})
    section_values(made, run.store.fingerprints)  # a file that it names may be gone
    return made


# Not a step: registering is a side effect, and whether it happened is the registry's to say, not the store's.
@task(name="register", task_run_name="register", cache_policy=NO_CACHE, persist_result=False, retries=0)
def register(
    run: Run,
    config: RegisterConfig,
    candidate: Candidate,
    tracker: Tracker,
    *,
    evidence: Mapping[int, Folds | str] | None,
    ready: float,
) -> State:
    """Register a candidate and decide about the champion; a Registration as Completed, or Cached if nothing was to do.

    `evidence` is what `FoldQuestion.evidence` gives. `ready` is when the last step had ended, by time.monotonic: from then on
    an outage of MLflow's server is waited for.
    """
    tracker.flush()  # a version must name its run, which may wait in the spool after an outage
    if candidate.run_id is not None:
        candidate = replace(candidate, run_id=tracker.server_run_id(candidate.run_id))
    registrar = Registrar(tracker, config, progress=run.progress_for("register"), ready=ready)
    made = registrar.register(candidate, evidence, started=lambda: run.started("register"))
    message = f"{made.name} version {made.version}: {made.decision} ({made.reason})"
    return Completed(name="Cached" if made.decision == "unchanged" else "Completed", message=message, data=made)
