"""The training flow: ingest -> prepare -> pretrain -> align -> finetune -> evaluate -> package -> register."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from flows.beside import measure_beside
from flows.certainty import asked_about, carried, check_costs, doubt_labels, look_back, make_promise, train_folds, without_held
from flows.curve import measure_curve
from flows.display import Display
from flows.given_labels import tell_of_test_labels
from flows.killed import mark_killed
from flows.meanwhile import imports_beside_vectors, make_ready
from flows.prepared import part, prepare_rows
from flows.record import Record, command
from flows.replies import carried_replies, check_answers, look_at_answers
from flows.servers.joined import on_this_host
from flows.settled import refuse_unlabelled, settle_by_champion, settle_by_corpus
from flows.split import split_tags
from flows.warm import begin_run, look_at_batches, told_lineage
from tasks.adapt.task import adapt
from tasks.align.fetch import local_copies
from tasks.align.task import align
from tasks.config import PipelineConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.embed.task import embed, embed_holdout
from tasks.evaluate.task import beside, evaluate, learning_curve, robustness, slices, unmeasured, yardstick
from tasks.finetune.class_prior import shares_in_order
from tasks.finetune.task import finetune
from tasks.pretrain.task import pretrain
from tasks.register.champion import read_champion
from tasks.register.models import MODEL_TAG
from tasks.register.recipe import Recipe
from tasks.register.says import REGISTRATION
from tasks.register.slices import find_slices
from tasks.register.task import folds, make_candidate, make_unmeasured, package, question_folds, register
from tasks.store.opened import open_store
from tasks.tracking.opened import open_tracker
from tasks.tracking.tags import RUN_TAG
from tasks.tracking.tensorboard import check_installed
from tasks.unread import unread
from tasks.weights.task import weights
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from prefect.states import State

    from tasks.register.champion import Champion
    from tasks.register.slices import NamedSlices
    from tasks.store.artifact import Store


def get_ready(config: PipelineConfig) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start."""
    make_ready(config, Path(__file__))


@flow(name="train", flow_run_name="{config.name}", persist_result=False, validate_parameters=True)
def train(config: PipelineConfig) -> dict[str, Any]:
    """Train, evaluate and register a classifier; every step is cached by what goes into it.

    Returns what `textmill train --json` prints.
    """
    config = on_this_host(config)
    if config.runtime.tensorboard:
        check_installed()
    config.finetune.check()
    if not config.fetch.asks:
        refuse_unlabelled(config)
    store = open_store(config.runtime)
    tracker = open_tracker(config.runtime, config.name)
    with store.reading(), Display(interval_seconds=config.runtime.log_interval) as display:
        display.say(command(config))
        mark_killed(store.data_root / "runs", tracker)
        try:
            passed_over = unread(config)  # `textmill train` refuses it; a deployment of an earlier version may hold some
            renamed = config.finetune.renamed
            config = config.model_copy(update={"finetune": config.finetune.only_read()})
            champion = read_champion(tracker, config.name)
            config = settle_by_champion(config, champion, display.say)
            record = Record(config, store, tracker, display)
            try:
                for line in renamed:
                    record.warn(f"{line}; the old name is taken until the next release, so deploy again")
                for setting in passed_over:
                    record.warn(str(setting))
                run_steps(record, champion)
                return record.finished()
            except BaseException as error:
                record.failed(error)
                raise
        finally:
            tracker.close()


def run_steps(record: Record, champion: Champion | None = None) -> None:
    """Chain the steps of one run; each call returns at once when the store has what it would build.

    `champion` is the name's when the run began, which it may train on from.
    """
    run, note = record.run, record.note
    config, ingested, corpus, kept, prepared = prepare_rows(record)
    if config.ingest.only_unlabelled and not corpus.result().report["labels"]:
        register_unmeasured(record, config, corpus, prepared)
        return
    dataset, texts = part(prepared, "dataset"), part(prepared, "texts")
    holdout, holdout_texts = part(prepared, "holdout"), part(prepared, "holdout_texts")
    tell_of_test_labels(record, run.store.folder(corpus.result()), run.store.folder(holdout.result()))
    of_rows = {"texts": holdout_texts, "corpus": corpus, "kept": kept}
    must_not_lose = slices_to_keep(run.store, config, **of_rows)
    config = record.settle(settle_by_corpus(config, run.store.folder(dataset.result()), record.display.say))
    config.finetune.check()  # again: the model may have been chosen since
    labels = sorted(prepared.result().report["labels"]["train"])
    check_costs(config, labels)
    check_answers(config, labels)
    if config.finetune.class_prior:
        shares_in_order(config.finetune.class_prior, labels)  # refused before anything is trained
    beginning = begin_run(record, config, champion, dataset, holdout)
    aligned = align_vectors(record, config, dataset, trains=beginning.needs_vectors(config))
    record.result["kind"] = config.finetune.model
    read, held = read_texts(record, config, texts, holdout_texts)
    rows = without_held(record, config, dataset, read)
    model = note(finetune(run, config.finetune.keyed(), **beginning.given(rows.dataset, aligned), **rows.read))
    baseline = None
    if config.evaluate.yardstick:
        baseline = note(yardstick(run, config.evaluate.measures, dataset=dataset, holdout=holdout))
    else:
        record.skipped(yardstick, said("switched off by evaluate.yardstick"))
    tested = {"holdout": holdout, "texts": holdout_texts, **held}
    evaluation = note(evaluate(run, config.evaluate.measures, model=model, dataset=dataset, **tested, yardstick=baseline))
    measure_beside(record, config, ingested, evaluation, aligned)
    of_test = {"evaluation": evaluation, "holdout": holdout, "texts": holdout_texts}
    look_at_batches(record, config, beginning, rows, aligned, model=model, **of_test)
    if config.evaluate.slices:
        note(slices(run, config.evaluate.slicing, evaluation=evaluation, **of_rows))
    else:
        record.skipped(slices, said("switched off by evaluate.slices"))
    parts = train_folds(record, config, rows, aligned)
    promised = make_promise(record, config, rows, model, parts)
    packed = {name: state for name, state in read.items() if name != "weights"}
    packed |= carried(record, config, dataset, promised)
    told, started_from = told_lineage(record, beginning, dataset)
    packed |= told
    packed |= carried_replies(record, config, promised, **{"texts": texts, **read, "model": model, "dataset": dataset})
    packaged = note(package(run, model=model, dataset=dataset, **packed))
    if config.evaluate.robust is not None:
        note(robustness(run, config.evaluate.robust, package=packaged, texts=holdout_texts, holdout=holdout))
    recipe = Recipe(prepare=config.prepare, pretrain=config.pretrain, align=config.align, finetune=config.finetune)
    candidate = make_candidate(
        run,
        config.name,
        recipe,
        package=packaged.result(),
        evaluation=evaluation.result(),
        corpus=corpus.result(),
        holdout=holdout.result(),
        texts=holdout_texts.result(),
        tags={RUN_TAG: record.id, MODEL_TAG: config.finetune.model, **split_tags(config.prepare), **started_from},
        run_id=record.tracking,
        slices=must_not_lose,
    )
    splits, ready = prepared.result().report["splits"], record.last_ended
    trainable = splits["train"] + splits["valid"]
    asked = {"rows": trainable, "ready": ready, "goes_on": beginning.begun is not None}
    question = question_folds(run, config.register, candidate, recipe, record.tracker, **asked)
    measured = None
    if question.config is not None:
        measured = note(folds(run, question.config, dataset=dataset, **{"texts": texts, **read}))
    elif question.reason:
        record.skipped(folds, question.reason)
    registered = register(
        run,
        config.register,
        candidate,
        record.tracker,
        evidence=question.evidence(measured.result() if measured else None),
        ready=record.last_ended,
        wait_for=[made for made in (packaged, evaluation, corpus, holdout, measured) if made],  # the edges of the UI
    )
    record.did("register", registered, shown=REGISTRATION, key=packaged.result().key)
    doubt_labels(record, config, rows, texts, parts)
    look_back(record, config, evaluation, promised)
    look_at_answers(record, config, packaged, texts=holdout_texts, holdout=holdout)
    if config.evaluate.learning_curve:
        drawn = {"dataset": dataset, "holdout": holdout, "holdout_texts": holdout_texts, "aligned": aligned, **read}
        measure_curve(record, config, prepared.result().report, evaluation, held=held.get("embedded"), **drawn)


def register_unmeasured(record: Record, config: PipelineConfig, corpus: State, prepared: State) -> None:
    """Make and register a model that needs no labelled row, from a corpus that has none; nothing is measured."""
    run, note = record.run, record.note
    dataset, texts, holdout = (part(prepared, name) for name in ("dataset", "texts", "holdout"))
    align_vectors(record, config, dataset)
    record.result["kind"] = config.finetune.model
    read, _ = read_texts(record, config, texts, None)
    model = note(finetune(run, config.finetune.keyed(), dataset=dataset, **read))
    asked = asked_about(config.evaluate)
    asked += [learning_curve] * config.evaluate.learning_curve + [beside] * (config.evaluate.beside_time is not None)
    for step in (yardstick, evaluate, slices, *asked):
        record.skipped(step, said("no row has a label"))
    judged = note(unmeasured(run, model=model))
    packaged = note(package(run, model=model, dataset=dataset, texts=texts))
    recipe = Recipe(prepare=config.prepare, pretrain=config.pretrain, align=config.align, finetune=config.finetune)
    candidate = make_unmeasured(
        run,
        config.name,
        recipe,
        package=packaged.result(),
        corpus=corpus.result(),
        holdout=holdout.result(),
        texts=part(prepared, "holdout_texts").result(),
        tags={RUN_TAG: record.id, MODEL_TAG: config.finetune.model, **split_tags(config.prepare)},
        run_id=record.tracking,
    )
    ready, wait = record.last_ended, [packaged, judged, corpus]
    registered = register(run, config.register, candidate, record.tracker, evidence=None, ready=ready, wait_for=wait)
    record.did("register", registered, shown=REGISTRATION, key=packaged.result().key)


def align_vectors(record: Record, config: PipelineConfig, dataset: State, *, trains: bool = True) -> State | None:
    """Find or train word vectors and align them with the vocabulary; None for a model that reads none.

    So it is where nothing `trains` anew, since a model that goes on from another has that one's rows of words.
    """
    run, note = record.run, record.note
    if not config.finetune.needs_vectors:
        for step in (pretrain, align):
            record.skipped(step, said("model {model} reads no word vectors", model=config.finetune.model))
        return None
    if not trains:
        for step in (pretrain, align):
            record.skipped(step, said("the model goes on from the champion, which has a row for each word"))
        return None
    vectors = None
    if config.align.vectors:
        record.skipped(pretrain, said("align.vectors gives vectors trained elsewhere"))
    elif config.pretrain.enabled:
        with imports_beside_vectors(config, run, dataset.result()):
            vectors = note(pretrain(run, config.pretrain, dataset=dataset))
    else:
        record.skipped(pretrain, said("switched off; embeddings start at random"))
    places = local_copies(config.align, run.store.data_root, run.store.fingerprints, progress=run.progress_for("align"))
    return note(align(run, places, dataset=dataset, vectors=vectors))


def read_texts(
    record: Record, config: PipelineConfig, texts: State, holdout_texts: State | None
) -> tuple[dict[str, State], dict[str, State]]:
    """What a model that reads texts is handed: the texts, weights to start from, vectors; and the vectors of the test rows.

    Nothing for a model that reads tokens alone, and no vectors where there are no test rows. finetune and whatever else trains
    is never handed the second.
    """
    run, note, finetune = record.run, record.note, config.finetune
    if not finetune.reads_text:
        return {}, {}
    read, held = {"texts": texts}, {}
    if finetune.weights is not None:
        read["weights"] = note(weights(run, finetune.weights))
        if config.pretrain.adapts:
            read["weights"] = note(adapt(run, config.pretrain.adapted(), weights=read["weights"], texts=texts))
        if finetune.embeds is not None and holdout_texts is not None:
            made = {"weights": read["weights"]}
            read["embedded"] = note(embed(run, finetune.embeds, **made, texts=texts))
            if finetune.serves_embedded:
                held["embedded"] = note(embed_holdout(run, finetune.embeds, **made, texts=holdout_texts))
    return read, held


def slices_to_keep(store: Store, config: PipelineConfig, **of_rows: State | None) -> NamedSlices | None:
    """The slices that the gate is asked to watch; before anything is trained, since one without a test row is a mistake."""
    if not config.register.must_not_lose:
        return None
    folders = {name: None if state is None else store.folder(state.result()) for name, state in of_rows.items()}
    return find_slices(config.register.must_not_lose, config.evaluate.slicing, **folders)  # type: ignore[arg-type]
