"""The flow of a cross-validation: ingest -> prepare -> (pretrain -> align) -> deal -> a training for each fold -> gathered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import flow

from flows.against import other_recipe
from flows.meanwhile import make_ready
from flows.on_folds import OnFolds
from flows.opened import recorded
from flows.prepared import prepare_rows
from flows.servers.joined import on_this_host
from flows.settled import settle_by_corpus
from tasks.config import FoldsConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.errors import RequestError
from tasks.tune.gather import OTHER, OWN, fold_name
from tasks.tune.settings import GatherConfig
from tasks.tune.task import cross_validation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.states import State

    from flows.record import Record
    from tasks.config import PipelineConfig


def get_ready(config: FoldsConfig) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start."""
    make_ready(config, Path(__file__))


@flow(name="folds", flow_run_name="{config.name}", persist_result=False, validate_parameters=True)
def folds(config: FoldsConfig) -> dict[str, Any]:
    """Train a recipe once for each fold of its rows and score it there; a killed run goes on after the last whole fold.

    Returns what `textmill folds --json` prints.
    """
    with recorded(on_this_host(config), step_chars=len(cross_validation.name)) as record:
        run_steps(record)
        return record.finished()


def run_steps(record: Record) -> None:
    """Chain the steps of one run."""
    asked = cast("FoldsConfig", record.config)
    prepared = prepare_rows(record)
    work = OnFolds(record, prepared, cross_validation.name)
    dataset = record.run.store.folder(work.dataset.result())
    config = record.settle(settle_by_corpus(prepared.config, dataset, record.display.say))
    config.finetune.check()
    other = other_recipe(asked.against, config, record.tracker)
    record.result["kind"] = config.finetune.model
    dealt = [work.deal(asked.folds, asked.fold_seed + repeat) for repeat in range(asked.repeats)]
    recipes = {OWN: config} | ({OTHER: other.config} if other else {})
    made = train_all(work, dealt, recipes, asked.folds)
    how = GatherConfig(
        folds=asked.folds, repeats=asked.repeats, title=config.finetune.model, against=other.title if other else None
    )
    record.note(cross_validation(record.run, how, **made))


def train_all(work: OnFolds, dealt: list[State], recipes: Mapping[str, PipelineConfig], num_folds: int) -> dict[str, State]:
    """Train every recipe without each fold; by name, as the last step is handed them. RequestError if one cannot be trained."""
    progress = work.record.run.progress_for(work.shown)
    total, made = len(dealt) * len(recipes) * num_folds, dict[str, Any]()
    for repeat, deal in enumerate(dealt):
        for fold in range(num_folds):
            for whose, config in recipes.items():
                progress.advance(len(made), total, "folds", config.finetune.model)
                state = work.score(config, deal, fold)
                if reason := state.result().report.get("reason"):
                    raise RequestError(f"{config.finetune.model} cannot be trained without fold {fold + 1}: {reason}")
                made[fold_name(whose, repeat, fold)] = state
    return made
