"""A run that may train on from its name's champion: whether it does, on which rows, and what earlier batches say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.prepared import part
from tasks.errors import RequestError
from tasks.finetune.settings import FRESH
from tasks.finetune.task import finetune
from tasks.forget.forgotten import forgotten_list
from tasks.register.champion import read_version
from tasks.register.models import START_TAG
from tasks.register.recipe import read_recipe
from tasks.tracking.tracker import flatten
from tasks.warm.lineage import read_lineage
from tasks.warm.settings import BatchesConfig, BeginConfig, EarlierConfig, LineageConfig
from tasks.warm.task import batches, begin, earlier, lineage
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefect.states import State

    from flows.certainty import Rows
    from flows.record import Record
    from tasks.config import PipelineConfig
    from tasks.register.champion import Champion

OF_THE_MACHINE = frozenset({"threads"})  # settings that a training may go on with at other values


@dataclass(frozen=True)
class Beginning:
    """How the training of a run begins: from `origin`, by the rows of `begun`, or anew where these are None.

    `champion` is today's, and `batches` has the batch of each test row; both are None where no start was asked for.
    """

    champion: Champion | None = None
    origin: Champion | None = None
    begun: State | None = None
    batches: State | None = None

    def given(self, dataset: State, aligned: State | None) -> dict[str, State | None]:
        """What finetune is handed: all rows and the matrix of words, or a former model and the rows that it needs."""
        if self.begun is None:
            return {"dataset": dataset, "aligned": aligned}
        return {"dataset": part(self.begun, "dataset"), "former": part(self.begun, "former")}

    def needs_vectors(self, config: PipelineConfig) -> bool:
        """Whether anything in the run is trained anew, and so may read word vectors."""
        asked = config.evaluate
        others = asked.trains_folds or asked.learning_curve or asked.beside_fresh or asked.beside_time is not None
        return self.begun is None or others


def begin_run(record: Record, config: PipelineConfig, champion: Champion | None, dataset: State, holdout: State) -> Beginning:
    """Decide how the training begins, and say so. Nothing fails here: where the champion is no start, the run trains anew."""
    if config.finetune.start == FRESH:
        return Beginning()
    package = None if champion is None else champion.package
    numbered = record.note(batches(record.run, BatchesConfig(champion=package), holdout=holdout))
    reason, origin, begun = why_not(record, config, champion, numbered.result().report["trained_on"]), champion, None
    if champion is not None and not reason:
        origin, begun, reason = _choose_rows(record, config, champion, dataset)
    if begun is None or origin is None:
        record.skipped(begin, said("trained anew: {reason}", reason=reason))
        record.result["start"] = {"version": None, "reason": reason}
        return Beginning(champion, batches=numbered)
    record.note(begun)
    figures = {name: value for name, value in begun.result().report.items() if name != "reason"}
    record.result["start"] = {"version": origin.version, "reason": reason, **figures}
    return Beginning(champion, origin, begun, numbered)


def why_not(record: Record, config: PipelineConfig, champion: Champion | None, tested: int) -> str:
    """Why a champion is no start for a run, as far as its rows need not be read; empty if it may be one.

    `tested` of the test rows are among those that it was trained on.
    """
    if champion is None or champion.package is None:
        return said("there is no champion yet, or none that can be read")
    named, title = {"version": champion.version}, f"the champion, version {champion.version},"
    if champion.model != config.finetune.model:
        kinds = {"theirs": champion.model, "ours": config.finetune.model}
        return said("the champion, version {version}, is {theirs}, and this run trains {ours}", **named, **kinds)
    for kind in config.finetune.kinds:
        if why := kind.no_start(config.finetune):
            return f"{kind.name} {why}"
    if config.evaluate.promise != "off":
        how = config.evaluate.promise
        return said("evaluate.promise {how} counts on rows that no model before has seen", how=how)
    if read_lineage(champion.package) is None:
        return said(
            "the champion, version {version}, does not tell its rows; the model of this run will, so that the next can go on "
            "from it",
            **named,
        )
    try:
        theirs = read_recipe(champion.tags, record.store.data_root / "runs")
    except RequestError as error:
        return f"{title} cannot be compared: {error}"
    sections = ("finetune", "pretrain", "align") if config.finetune.needs_vectors else ("finetune",)
    for section in sections:
        own = getattr(config, section)
        own = own.only_read().anew() if section == "finetune" else own
        if name := _first_difference(own.model_dump(mode="json"), getattr(theirs, section).model_dump(mode="json")):
            setting = f"{section}.{name}"
            return said("the champion, version {version}, was made with another {setting}", setting=setting, **named)
    if tested:
        return said("the champion, version {version}, was trained on {rows:,} of today's test rows", rows=tested, **named)
    return ""


def _first_difference(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The first setting, by name, in which two sections differ; empty if there is none."""
    one, other = dict(flatten(own)), dict(flatten(theirs))
    names = sorted(one.keys() | other.keys())
    return next((name for name in names if name not in OF_THE_MACHINE and one.get(name) != other.get(name)), "")


def _choose_rows(
    record: Record, config: PipelineConfig, champion: Champion, dataset: State
) -> tuple[Champion | None, State | None, str]:
    """The model to start from and the rows of that, or None and why not.

    Where no row is new to the champion, the run does again what made it, which the store has.
    """
    state = _begin(record, config, champion, dataset)
    found, told = state.result().report, read_lineage(champion.package) if champion.package else None
    assert told is not None
    title, every = f"the champion, version {champion.version},", config.finetune.fresh_every
    if not found["reason"]:
        times = told["generation"]
        if every and times + 1 >= every:
            went_on = (
                said("{number} training went on", number=times)
                if times == 1
                else said("{number} trainings went on", number=times)
            )
            due = said(
                "finetune.fresh_every {every} is due: {went_on} since the last that began anew", every=every, went_on=went_on
            )
            return None, None, due
        return champion, state, ""
    record.kept(state)
    if found.get("new") != 0:
        return None, None, f"{title} is no start: {found['reason']}"
    if told["start"] is None:
        return None, None, f"no row is new to {title} which was trained anew"
    origin = read_version(record.tracker, config.name, told["start"]["version"], told["start"]["digest"])
    if origin is None:
        return None, None, f"no row is new to {title} and version {told['start']['version']}, its start, is not there any more"
    again = _begin(record, config, origin, dataset)
    if reason := again.result().report["reason"]:
        record.kept(again)
        return None, None, f"no row is new to {title} and its start is none any more: {reason}"
    return origin, again, f"no row is new to {title} so the run does what made it"


def _begin(record: Record, config: PipelineConfig, champion: Champion, dataset: State) -> State:
    assert champion.package is not None
    how = BeginConfig(
        champion=champion.package,
        seed=config.finetune.seed,
        refit=config.finetune.refit,
        forgot=_forgot_since(champion.created, record.store.data_root),
    )
    return begin(record.run, how, dataset=dataset)


def _forgot_since(created: float, data_root: Path) -> bool:
    """Whether a text was forgotten after a model was registered."""
    listed = forgotten_list(data_root)
    return listed is not None and listed.stat().st_mtime > created


def told_lineage(record: Record, beginning: Beginning, dataset: State) -> tuple[dict[str, State], dict[str, str]]:
    """What the package carries of where the model comes from, and the tags of its version; nothing where nobody asked."""
    if beginning.batches is None:
        return {}, {}
    origin = beginning.origin if beginning.begun is not None else None
    how = LineageConfig() if origin is None else LineageConfig(champion=origin.package, version=origin.version)
    made = record.note(lineage(record.run, how, dataset=dataset, batches=beginning.batches))
    start = made.result().report["start"]
    return {"lineage": made}, {} if start is None else {START_TAG: f"{start['version']} {start['digest']}"}


def look_at_batches(
    record: Record, config: PipelineConfig, beginning: Beginning, rows: Rows, aligned: State | None, **tested: State
) -> None:
    """Measure the model on each batch beside the champion, and with `evaluate.beside_fresh` one that is trained anew.

    `tested`: the model, its evaluation, and the test rows with their texts.
    """
    champion = beginning.champion
    if beginning.batches is None:
        return
    if champion is None:
        record.skipped(earlier, said("there is no champion to compare with, and no earlier batch"))
        return
    run, fresh = record.run, None
    if config.evaluate.beside_fresh and beginning.begun is not None:
        quiet = replace(run, started=lambda step: run.started(earlier.name))  # all of it is one step's work in MLflow
        fresh = record.kept(finetune(quiet, config.finetune.keyed(), dataset=rows.dataset, aligned=aligned, **rows.read))
    how = EarlierConfig(champion=champion.package, version=champion.version)
    record.note(earlier(run, how, **tested, batches=beginning.batches, fresh=fresh))
