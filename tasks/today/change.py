"""What has changed in the stream: the latest texts against those of the days before them, in figures and in words."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.monitor.tables import ALL
from tasks.store.digests import canonical
from tasks.today.apart import tell_apart
from tasks.today.causes import WORLD, Sides, find_causes
from tasks.today.kept import CHANGE, read_kept
from tasks.today.sample import days_read, sample_documents
from tasks.today.traits import ENCODING, LANGUAGE, SOURCE
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.state import MonitorState
    from tasks.today.settings import TodayConfig

RULE = 1  # raise it when the same documents would give another result
MOST = 1_500  # documents of either side
COLUMNS = ("id", "day", "text", "source", "fields", "topics")
FEW = 0.1  # of what a share was before: then its documents are gone
NUM_SAID, WORDS_SAID = 2, 5
VERDICTS = {
    WORLD: said("the world"),
    SOURCE: said("sources"),
    LANGUAGE: said("language"),
    ENCODING: said("encoding"),
}


def find_change(state: MonitorState, config: TodayConfig) -> dict[str, Any] | None:
    """Compare the last `config.days` days with the `config.before_days` before; None with too few documents on either side.

    JSON: `auc` and its `interval`, `rest_auc` (of the documents of no cause but the world), the days, the documents, and
    `causes`, the first of which explains most. The result for the same documents is kept with the monitor and not
    made again.
    """
    latest = max(state.counts(ALL)["day"].to_pylist(), default="")
    if not latest:
        return None
    end = datetime.date.fromisoformat(latest)
    start, before = (end - datetime.timedelta(days=days - 1) for days in (config.days, config.days + config.before_days))
    sides = [(before, start - datetime.timedelta(days=1)), (start, end)]
    old, new = (
        sample_documents(state, days_read(state, *(day.isoformat() for day in side)), MOST, COLUMNS, "") for side in sides
    )
    if min(old.num_rows, new.num_rows) < config.min_documents:
        return None
    documents = [*old.to_pylist(), *new.to_pylist()]
    made_of = canonical([RULE, config.model_dump(mode="json"), [row["id"].hex() for row in documents]])
    fingerprint = hashlib.sha256(made_of.encode()).hexdigest()
    known = read_kept(state, CHANGE)
    if known and known["made_of"] == fingerprint:
        return known
    return {
        "window_start": start.isoformat(),
        "window_end": latest,
        "before_start": before.isoformat(),
        "documents": new.num_rows,
        "documents_before": old.num_rows,
        **_compared(documents, old.num_rows, config),
        "made_of": fingerprint,
    }


def _compared(documents: list[dict[str, Any]], num_old: int, config: TodayConfig) -> dict[str, Any]:
    new_N = np.arange(len(documents)) >= num_old
    days_N = np.array([row["day"].toordinal() for row in documents])
    sides = Sides.of(documents, new_N, days_N)
    apart = tell_apart(sides.features, new_N, days_N)
    causes, rest = find_causes(sides, apart, config.days, config.min_auc)
    return {
        "auc": round(apart.auc, 4),
        "interval": [round(apart.low, 4), round(apart.high, 4)],
        "rest_auc": round(rest.auc, 4),
        "causes": [cause.held() for cause in causes],
    }


def verdict(held: Mapping[str, Any]) -> str:
    """What has changed, in a word or two, for a tile."""
    if not held["causes"]:
        return said("nothing unusual")
    return VERDICTS.get(held["causes"][0]["kind"], said("topics"))


def change_in_words(held: Mapping[str, Any]) -> str:
    """One line about what `find_change` found."""
    low, high = held["interval"]
    figure = said(
        "old and new texts are told apart with AUC {auc:.2f} ({low:.2f} to {high:.2f})", auc=held["auc"], low=low, high=high
    )
    if not held["causes"]:
        return said("nothing that is more than usual: {figure}", figure=figure)
    causes = [cause_in_words(cause, words=True) for cause in held["causes"][:NUM_SAID]]
    if all(cause["kind"] != WORLD for cause in held["causes"]):
        figure = said("{figure}, without these {auc:.2f}", figure=figure, auc=held["rest_auc"])
    return joined("; ", [*causes, figure])


def cause_in_words(cause: Mapping[str, Any], *, words: bool = False) -> str:
    """A cause in one clause, with its words if these are asked for."""
    told = said(" ({words})", words=joined(", ", cause["words"][:WORDS_SAID])) if cause["words"] and words else ""
    appeared, gone = cause["share_before"] < FEW * cause["share"], cause["share"] < FEW * cause["share_before"]
    grew = cause["share"] > cause["share_before"]
    way = said("appeared") if appeared else said("is gone") if gone else said("grew") if grew else said("shrank")
    name = cause["name"]
    match cause["kind"]:
        case "world":
            return said("the world changed: the same sources write of other things{words}", words=told)
        case kind if kind == SOURCE and appeared:
            what = said("a new source appeared, {name}", name=name)
        case kind if kind == SOURCE:
            what = said("source {name} {way}", name=name, way=way)
        case kind if kind == LANGUAGE:
            what = said("texts in {language} {way}", language=name, way=way)
        case kind if kind == ENCODING:
            what = said("texts with damaged encoding {way}", way=way)
        case _:
            what = said("topic {name} {way}", name=name, way=way)
    shares = said("{share:.0%} of the documents, {before:.0%} before", share=cause["share"], before=cause["share_before"])
    return said("{what}: {shares}{words}", what=what, shares=shares, words=told)
