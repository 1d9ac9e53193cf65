"""The run's recipe on the other split, by time or at random, beside its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.prepared import part, without
from tasks.evaluate.settings import BesideConfig
from tasks.evaluate.task import beside
from tasks.ingest.schema import KEPT_PART
from tasks.prepare.by_column import choose_cut
from tasks.prepare.salt import choose_salt
from tasks.prepare.task import prepare
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.states import State

    from flows.record import Record
    from tasks.config import PipelineConfig
    from tasks.prepare.settings import PrepareConfig
    from tasks.store.artifact import Artifact


def measure_beside(record: Record, config: PipelineConfig, ingested: State, evaluation: State, aligned: State | None) -> None:
    """Prepare the other split, train on it and note the comparison; skipped for a model that reads texts."""
    run, column = record.run, config.evaluate.beside_time
    if column is None:
        return
    if config.finetune.reads_text:
        model = config.finetune.model
        record.skipped(beside, said("model {model} reads texts, and is not trained on another split of them", model=model))
        return
    corpus: Artifact = ingested.result()
    other = other_split(config.prepare, column, run.store.folder(corpus), corpus.report["labels"])
    quiet = replace(run, started=lambda step: run.started(beside.name))  # all of it is one step's work in MLflow
    given = ingested if other.split == "time" else without(ingested, KEPT_PART)
    prepared = record.kept(prepare(quiet, other, corpus=given))
    parts = {name: part(prepared, name) for name in ("dataset", "holdout", "holdout_texts")}
    how = BesideConfig(
        finetune=config.finetune.keyed(),
        by=other.split,
        of_run=config.prepare.split,
        column=column,
        cut=other.test_from if other.split == "time" else config.prepare.test_from,
        bootstrap=config.evaluate.bootstrap,
        seed=config.evaluate.seed,
    )
    record.note(beside(run, how, evaluation=evaluation, **parts, aligned=aligned))


def other_split(config: PrepareConfig, column: str, corpus: Path, labels: dict[str, int]) -> PrepareConfig:
    """How the rows are split for the comparison: by time if the run's are drawn, drawn if they are by time."""
    if config.split == "hash":
        by_time = config.model_copy(update={"split": "time", "split_column": column, "split_rule": 2, "salt": 0})
        return by_time.model_copy(update={"test_from": choose_cut(by_time, corpus)})
    drawn = config.model_copy(update={"split": "hash", "split_column": None, "test_from": "auto", "split_rule": 2})
    return drawn.model_copy(update={"salt": choose_salt(corpus, labels, drawn)})
