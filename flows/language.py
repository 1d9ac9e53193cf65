"""The flow of a language model: ingest -> prepare -> tokenizer -> train -> evaluate -> package -> register."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from flows.display import Display
from flows.killed import mark_killed
from flows.meanwhile import make_ready
from flows.prepared import part
from flows.record import Record, command
from tasks.config import LanguageConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.ingest.settings import refusing
from tasks.ingest.task import ingest
from tasks.language.installed import check_installed
from tasks.language.task import evaluate_language, package_language, register_language, tokenizer, train_language
from tasks.prepare.task import prepare
from tasks.register.models import LANGUAGE, MODEL_TAG
from tasks.register.says import REGISTRATION
from tasks.store.opened import open_store
from tasks.tracking import tensorboard
from tasks.tracking.opened import open_tracker
from tasks.tracking.tags import RUN_TAG
from tasks.weights.task import weights

if TYPE_CHECKING:
    from tasks.language.contest import LanguageCandidate
    from tasks.store.artifact import Artifact


def get_ready(config: LanguageConfig) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start."""
    make_ready(config, Path(__file__))


@flow(name="language", flow_run_name="{config.name}", persist_result=False, validate_parameters=True)
def language(config: LanguageConfig) -> dict[str, Any]:
    """Train, measure and register a language model; every step is cached by what goes into it.

    Returns what `textmill language train --json` prints.
    """
    if config.runtime.tensorboard:
        tensorboard.check_installed()
    check_installed()
    store = open_store(config.runtime)
    tracker = open_tracker(config.runtime, config.name)
    with (
        store.reading(),
        Display(interval_seconds=config.runtime.log_interval, step_chars=len(evaluate_language.name)) as display,
    ):
        display.say(command(config))
        mark_killed(store.data_root / "runs", tracker)
        try:
            record = Record(config, store, tracker, display)
            try:
                run_steps(record, config)
                return record.finished()
            except BaseException as error:
                record.failed(error)
                raise
        finally:
            tracker.close()


def run_steps(record: Record, config: LanguageConfig) -> None:
    """Chain the steps of one run; each call returns at once when the store has what it would build."""
    run, note = record.run, record.note
    corpus = note(ingest(run, refusing(config.ingest, run.store.data_root)))
    record.trained_on(config.ingest.corpus, corpus.result().digest)
    prepared = note(prepare(run, config.prepare.step, corpus=corpus))
    texts, holdout = part(prepared, "texts"), part(prepared, "holdout_texts")
    given = {} if config.train.step_weights is None else {"weights": note(weights(run, config.train.step_weights))}
    of_pieces = given if config.tokenizer.kind == "weights" else {}
    cut = note(tokenizer(run, config.tokenizer, texts=texts, **of_pieces))
    model = note(train_language(run, config.train.keyed(), tokenizer=cut, texts=texts, **given))
    record.result |= {"kind": LANGUAGE, "model_folder": str(run.store.folder(model.result()))}
    measured = note(evaluate_language(run, config.evaluate, model=model, texts=texts, holdout=holdout))
    packaged = note(package_language(run, model=model, texts=texts))
    candidate = make_candidate(record, config.name, packaged.result(), measured.result(), corpus.result(), holdout.result())
    registered = register_language(
        run,
        config.register,
        candidate,
        record.tracker,
        ready=record.last_ended,
        wait_for=[packaged, measured, corpus, holdout],  # the edges of the UI
    )
    record.did("register", registered, shown=REGISTRATION, key=packaged.result().key)


def make_candidate(
    record: Record, name: str, packaged: Artifact, measured: Artifact, corpus: Artifact, holdout: Artifact
) -> LanguageCandidate:
    """Gather the artifacts of a run as a candidate for the champion of `name`."""
    from tasks.language.contest import BITS_TAG, LanguageCandidate

    folder = record.run.store.folder
    tags = {
        RUN_TAG: record.id,
        MODEL_TAG: LANGUAGE,
        BITS_TAG: f"{measured.report['model']['bits_per_byte']:.6f}",
        "textmill.corpus_digest": corpus.digest,
    }
    return LanguageCandidate(
        name=name,
        package=folder(packaged),
        evaluation=folder(measured),
        texts=folder(holdout),
        holdout=holdout.digest,
        tags=tags,
        run_id=record.tracking,
    )
