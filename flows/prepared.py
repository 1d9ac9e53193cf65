"""The beginning of a run that reads a labelled corpus: it is ingested, its settings are settled, its rows are prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from prefect.states import Completed, State

from flows.contract import check_corpus, check_rows
from flows.fetched import fetched, source_of, with_files
from flows.given_labels import find_labels
from flows.meanwhile import imports_for_training, processes_for_prepare
from flows.settled import settle_by_texts
from flows.split import change_of_split, recorded_split, settle_split
from tasks.ingest.schema import KEPT_PART
from tasks.ingest.settings import refusing
from tasks.ingest.task import ingest
from tasks.prepare.task import prepare

if TYPE_CHECKING:
    from flows.record import Record
    from tasks.config import PipelineConfig
    from tasks.store.artifact import Artifact


class Prepared(NamedTuple):
    """A corpus and its rows, each as the state of the step that made it, and the settings as far as they are decided then.

    `ingested` is the corpus with the columns that it keeps, `corpus` without them, `kept` these columns.
    """

    config: PipelineConfig
    ingested: State
    corpus: State
    kept: State | None
    rows: State


def prepare_rows(record: Record) -> Prepared:
    """Ingest the corpus of the run and prepare its rows; split and tokenizer are decided on the way."""
    run, note = record.run, record.note
    config = with_files(fetched(cast("PipelineConfig", record.config), record.display))
    recorded = recorded_split(record.tracker, config.name)
    given = find_labels(record)
    with processes_for_prepare(config, run, given):
        beside = {} if given is None else {"labels": given}
        ingested = note(ingest(run, refusing(config.ingest, run.store.data_root), **beside))
        corpus = without(ingested, KEPT_PART)
        kept = part(ingested, KEPT_PART) if config.ingest.keep else None
        found = corpus.result()
        record.trained_on(source_of(config), found.digest)
        check_corpus(record, config, ingested)
        config = settle_by_texts(config, run.store.folder(found), record.display.say)
        config = record.settle(settle_split(config, recorded, found, run.store.folder(found)))
        if change := change_of_split(config.prepare, recorded):
            record.warn(change)
        with imports_for_training(config, run, found):
            read_from = corpus if config.prepare.split == "hash" else ingested  # with the columns that it keeps
            prepared = note(prepare(run, config.prepare, corpus=read_from))
    check_rows(record, config, prepared)
    return Prepared(config, ingested, corpus, kept, prepared)


def without(state: State, name: str) -> State:
    """An artifact without one sub-folder, still joined to the task run that made it."""
    return Completed(name=state.name, data=state.result().without(name), state_details=state.state_details)


def part(state: State, name: str) -> State:
    """One sub-folder of an artifact, still joined to the task run that made it, so that the UI draws the edge."""
    artifact: Artifact = state.result()
    return Completed(name=state.name, data=artifact.narrow(name), state_details=state.state_details)
