"""How sure a run's model is: what it promises about its answers, which labels of the corpus are doubted, what errors cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect.states import Completed, State

from tasks.certainty.costs import read_costs
from tasks.certainty.settings import CertaintyConfig, FoldConfig, PromiseConfig, ReserveConfig
from tasks.certainty.task import certainty, decision, fold_probabilities, promise, reserve, wrong_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.record import Record
    from tasks.config import PipelineConfig
    from tasks.evaluate.settings import EvaluateConfig
    from tasks.store.step import Step


@dataclass(frozen=True)
class Rows:
    """The rows that train and choose the model, what it reads of them, and those that were held back, if any were."""

    dataset: State
    read: Mapping[str, State]
    held: Mapping[str, State] = field(default_factory=dict)


def asked_about(config: EvaluateConfig) -> list[Step]:
    """The steps of this page that a run is asked for, of which it names those that it has to skip."""
    asked = {promise: config.promise != "off", wrong_labels: config.wrong_labels, certainty: config.costs is not None}
    return [step for step, wanted in asked.items() if wanted]


def check_costs(config: PipelineConfig, labels: Collection[str]) -> None:
    """Raise RequestError for a file of costs that does not fit the labels, before anything is trained."""
    if config.evaluate.costs is not None:
        read_costs(config.evaluate.costs, sorted(labels))


def without_held(record: Record, config: PipelineConfig, dataset: State, read: Mapping[str, State]) -> Rows:
    """Hold validation rows back if the promise wants some that chose nothing; all rows otherwise."""
    if config.evaluate.promise != "held":
        return Rows(dataset, read)
    how = ReserveConfig(share=config.evaluate.held_share, seed=config.evaluate.seed)
    made = record.note(reserve(record.run, how, dataset=dataset, texts=read.get("texts")))
    names = ["dataset", *(["texts"] if "texts" in read else [])]
    parts = {name: _part(made, name) for name in [*names, *(f"held_{name}" for name in names)]}
    held = {"held": parts["held_dataset"], **({"held_texts": parts["held_texts"]} if "texts" in read else {})}
    return Rows(parts["dataset"], {**read, **({"texts": parts["texts"]} if "texts" in read else {})}, held)


def train_folds(record: Record, config: PipelineConfig, rows: Rows, aligned: State | None) -> dict[str, State]:
    """Train the recipe once for each fold, if anything asks for that. A killed run goes on after the last whole fold."""
    run, asked = record.run, config.evaluate
    if not asked.trains_folds:
        return {}
    shown = wrong_labels.name if asked.wrong_labels else promise.name
    progress = run.progress_for(shown)
    quiet = replace(run, started=lambda step: run.started(shown))  # all folds are one step's work in MLflow
    made = {}
    for number in range(asked.folds):
        progress.advance(number, asked.folds, "folds")
        how = FoldConfig(finetune=config.finetune.keyed(), folds=asked.folds, fold=number, seed=asked.seed)
        made[f"fold_{number}"] = record.kept(fold_probabilities(quiet, how, dataset=rows.dataset, aligned=aligned, **rows.read))
    return made


def make_promise(record: Record, config: PipelineConfig, rows: Rows, model: State, folds: Mapping[str, State]) -> State | None:
    """Count what the package promises by; None if nothing is promised."""
    rule = config.evaluate.promise
    if rule == "off":
        return None
    counted = rows.held if rule == "held" else folds
    read = {name: state for name, state in rows.read.items() if name != "weights"}
    return record.note(promise(record.run, PromiseConfig(rule=rule), model=model, dataset=rows.dataset, **read, **counted))


def carried(record: Record, config: PipelineConfig, dataset: State, promised: State | None) -> dict[str, State]:
    """What the package carries beside the model: what it promises by, and the costs that it may answer by."""
    found = {} if promised is None else {"abstention": promised}
    if config.evaluate.by_cost:
        costs = CertaintyConfig(costs=config.evaluate.costs)
        found["decision"] = record.note(decision(record.run, costs, dataset=dataset))
    return found


def doubt_labels(record: Record, config: PipelineConfig, rows: Rows, texts: State, folds: Mapping[str, State]) -> None:
    """Rank the train rows by how probably their label is wrong; `texts` are those of all rows."""
    if config.evaluate.wrong_labels:
        record.note(wrong_labels(record.run, dataset=rows.dataset, texts=texts, **folds))


def look_back(record: Record, config: PipelineConfig, evaluation: State, promised: State | None) -> None:
    """Say on the page what promises and costs come to on the test rows."""
    costs = config.evaluate.costs
    if promised is not None or costs is not None:
        record.note(certainty(record.run, CertaintyConfig(costs=costs), evaluation=evaluation, promised=promised))


def _part(state: State, name: str) -> State:
    return Completed(name=state.name, data=state.result().narrow(name), state_details=state.state_details)
