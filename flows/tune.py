"""The flow that searches settings: ingest -> prepare -> deal -> trials on folds -> confirmation -> the training flow.

The search sees the train and validation rows alone. What it finds is confirmed on folds that chose nothing, and then
trained and registered as `textmill train` does it, where the test rows are read for the first time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import flow

from flows.meanwhile import make_ready
from flows.on_folds import OnFolds
from flows.opened import recorded
from flows.prepared import prepare_rows
from flows.run_file import RUN_FILE, training, write_run
from flows.searching import Search, confirm
from flows.settled import settle_by_corpus
from flows.train import train
from tasks.align.task import align
from tasks.config import TuneConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.durable import locked
from tasks.errors import RequestError
from tasks.finetune.settings import AUTO
from tasks.finetune.uses import TABLE, libraries_of, modules_of
from tasks.pretrain.task import pretrain
from tasks.store.artifact import section_values
from tasks.store.digests import canonical, sha256_text
from tasks.store.source import code_digest
from tasks.store.step import library_versions
from tasks.store.sweep import SEARCHES
from tasks.tune.candidates import candidates_of
from tasks.tune.clock import Clock
from tasks.tune.says import NAME
from tasks.tune.searched import TUNED, describe, write_result
from tasks.tune.study import Study, best_of, check_installed
from tasks.tune.task import fold_score

if TYPE_CHECKING:
    from flows.record import Record
    from tasks.config import PipelineConfig
    from tasks.finetune.settings import FinetuneConfig
    from tasks.store.artifact import Fingerprints
    from tasks.tune.candidates import Candidates
    from tasks.tune.study import Trial

STEP_CHARS = len("pretrain")


def get_ready(config: TuneConfig) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start."""
    make_ready(config, Path(__file__))


@flow(name="tune", flow_run_name="{config.name}", persist_result=False, validate_parameters=True)
def tune(config: TuneConfig) -> dict[str, Any]:
    """Search settings for so many minutes, confirm what was found, train and register it.

    Returns what `textmill tune --json` prints. A killed call that is repeated goes on with the time that is left.
    """
    began = time.monotonic()
    check_installed()
    with recorded(
        config, step_chars=STEP_CHARS, as_champion=False
    ) as record:  # else the answer would decide what is searched next
        chosen = run_steps(record, began)
        result = record.finished()
    if chosen is None:
        return result
    trained = train(chosen)
    unreported = {**result["unreported"], **trained["unreported"]}
    return result | {"train": trained, "seconds": round(time.monotonic() - began, 2), "unreported": unreported}


def run_steps(record: Record, began: float) -> PipelineConfig | None:
    """Search and confirm; the configuration to train with, or None after Ctrl-C."""
    asked = cast("TuneConfig", record.config)
    prepared = prepare_rows(record)
    work = OnFolds(record, prepared, NAME)
    dataset = record.run.store.folder(work.dataset.result())
    config = settle_by_corpus(
        prepared.config, dataset, record.display.say
    )  # not for the record: naming a model asks for it alone
    config.finetune.check()
    given = prepared.config.finetune
    candidates = candidates_of(given, config.finetune, asked.models, named=given.model != AUTO)
    dealt = work.deal(asked.folds, asked.fold_seed)
    clock = Clock(asked.minutes * 60, asked.folds, config.finetune.model, began=began)
    search = Search(asked, config, work, candidates, clock, dealt, record.run.progress_for(NAME))
    first = work.score(config, dealt, 0).result()  # its key tells code, rows and folds
    if reason := first.report.get("reason"):
        raise RequestError(f"{config.finetune.model} cannot be trained without fold 1: {reason}")
    name = study_name(first.key, asked, candidates, record.store.fingerprints)
    folder = record.store.data_root / SEARCHES
    folder.mkdir(exist_ok=True)
    with locked(folder / f"{name}.lock", waiting=lambda: record.display.say("waiting for another search of the same")):
        study = Study(folder / f"{name}.db", candidates, seed=asked.search_seed)
        try:
            clock.before = study.spent
            return searched(record, search, study)
        finally:
            study.close()


def study_name(first: str, asked: TuneConfig, candidates: Candidates, fingerprints: Fingerprints) -> str:
    """What a search is kept as: other rows, code, libraries or settings of any of its models make another one.

    `first` is the key of the default on the first fold; minutes and trials are left out, since a search may go on with more.
    """
    sections = list(candidates.sections.values())
    parts = [first, asked.measure, asked.folds, asked.search_seed, candidates.spaces_as_json()]
    parts += [section_values(each, fingerprints) for each in sections]
    parts.append(code_digest(fold_score.function, tables=(TABLE,), chosen=sorted(modules_of(*sections))))
    parts.append(library_versions(tuple(sorted(libraries_of(*sections)))))
    if any(each.needs_vectors for each in sections):
        parts += [section_values(each, fingerprints) for each in (asked.pretrain, asked.align)]
        parts += [code_digest(each.function) for each in (pretrain, align)]
    return sha256_text(canonical(parts))[:16]


def searched(record: Record, search: Search, study: Study) -> PipelineConfig | None:
    """Go through the trials, confirm the best, and write tune.json, run.toml and the page."""
    asked, folder, before = search.asked, record.folder, len(study.trials())
    if study.searched < asked.minutes or not before:
        search.until_spent(study)
    trials = study.trials()
    complete = [each for each in trials if each.score is not None]
    best = best_of(complete) if complete else None
    section, confirmation = answer(search, best)
    repeated = study.confirmed >= asked.minutes and len(trials) == before
    if not repeated:  # its seconds are no part of the search
        study.spend(search.clock.spent)
        if not search.interrupted:
            study.confirm(asked.minutes)
    config = training(search.config.model_copy(update={"finetune": section}))
    if config.fetch.asks:  # where its rows come from, not what was fetched: that is swept
        config = config.model_copy(update={"ingest": asked.ingest})
    result = describe(asked, trials, best, confirmation, spent=study.spent, interrupted=search.interrupted)
    folder.mkdir(parents=True, exist_ok=True)
    write_run(config, folder / RUN_FILE)
    record.result |= {**result, "kind": config.finetune.model, "run_file": str(folder / RUN_FILE)}
    seconds = search.clock.spent - search.clock.before
    record.display.finished(NAME, cached=repeated, seconds=seconds, summary=result["answer_line"])
    for each in complete:
        record.tracker.log_metrics(record.tracking, {f"tune/{asked.measure}": each.score or 0.0}, step=each.number)
    write_result(result, record.context(), folder)
    for file in (folder / TUNED, folder / RUN_FILE):
        record.tracker.log_artifacts(record.tracking, file)
    return None if search.interrupted else config


def answer(search: Search, best: Trial | None) -> tuple[FinetuneConfig, dict[str, Any] | None]:
    """The section to train with, and the confirmation if there was one; after Ctrl-C the best so far, not confirmed."""
    default = search.candidates.default
    if best is None or best.default:
        return default, None
    found = search.candidates.made(best.model, best.values)
    if search.interrupted:
        return found, None
    try:
        confirmation = confirm(search, found, search.work.deal(search.asked.folds, search.asked.fold_seed + 1))
    except KeyboardInterrupt:
        search.interrupted = True
        return found, None
    return (found if confirmation and confirmation["better"] else default), confirmation
