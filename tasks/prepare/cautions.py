"""Warnings about the rows, from prepare's report: one line for each kind of doubt.

The report is in the store, so a run warns of the same things whether the step ran or was cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.ingest.labels import MOST_VALUES, as_number
from tasks.ingest.schema import TEXT_ALONE
from tasks.prepare.contradictions import shown
from tasks.shown import shortened
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEW_ROWS = 20  # in a class
FEW_TEST_ROWS = 30
MOST_OF_ONE = 0.9
NAMED = 5


def cautions(report: Mapping[str, Any], contradictions: str | None = None) -> list[str]:
    """Write the lines, an empty list if nothing is in doubt; `contradictions` is the file that lists such rows, if any."""
    if not report["labels_found"] or set(report["labels_found"]) == {TEXT_ALONE}:
        return []  # all doubts are about classes
    found = report["contradictions"]
    lines = [
        _contradictions(found, contradictions),
        _lost(report),
        _untrained(report),
        *_few(report),
        _one_class(report),
        _score(report),
    ]
    return [line for line in lines if line]


def _contradictions(found: Mapping[str, Any], path: str | None) -> str:
    parts: list[str] = []
    if found["texts"]:
        facts = {"number": found["texts"], "rows": found["rows"], "example": shown(found["examples"][0])}
        parts.append(
            said("{number:,} text has several labels ({rows:,} rows), such as {example}", **facts)
            if found["texts"] == 1
            else said("{number:,} texts have several labels ({rows:,} rows), such as {example}", **facts)
        )
        parts.append(said("{decided} (prepare.contradictions {rule})", decided=_decided(found), rule=found["rule"]))
    if of_test := found["texts_of_test"]:
        told = (
            said("{number:,} text of the test split has other labels too", number=of_test)
            if of_test == 1
            else said("{number:,} texts of the test split have other labels too", number=of_test)
        )
        if not found["texts"]:
            told = said("{told}, such as {example}", told=told, example=shown(found["examples"][0]))
        parts.append(told)
    if not parts:
        return ""
    if near := found["near_rows"]:
        parts.append(said("{rows:,} more rows are kept though they nearly repeat a text with another label", rows=near))
    if path:
        parts.append(said("listed in {file}", file=path))
    return joined("; ", parts)


def _decided(found: Mapping[str, Any]) -> str:
    if found["rule"] == "majority":
        return said("{rows:,} rows are left out, and the label of most rows of a text is kept", rows=found["left_out"])
    if found["rule"] == "first":
        return said("{rows:,} rows are left out, and the label of a text's first row is kept", rows=found["left_out"])
    return said("all these rows are left out")


def _lost(report: Mapping[str, Any]) -> str:
    kept = _by_label(report)
    lost = [(name, kept.get(name, 0), had) for name, had in report["labels_found"].items() if 2 * kept.get(name, 0) < had]
    if not lost:
        return ""
    classes = _listed(
        [said("{name} {kept:,} of {had:,}", name=_quoted(name), kept=keeps, had=had) for name, keeps, had in lost]
    )
    return said("of these classes most texts are left out, kept are: {classes}", classes=classes)


def _untrained(report: Mapping[str, Any]) -> str:
    unseen = sorted(report["labels"]["test"].keys() - report["labels"]["train"].keys())
    if not unseen:
        return ""
    names = _listed([_quoted(name) for name in unseen])
    return said("test rows have labels that no train row has, so no model can get them right: {names}", names=names)


def _few(report: Mapping[str, Any]) -> list[str]:
    few = sorted((count, name) for name, count in _by_label(report).items() if 0 < count < FEW_ROWS)
    lines: list[str] = []
    if few:
        facts = {"number": len(few), "least": FEW_ROWS, "classes": _listed([f"{_quoted(name)} {count}" for count, name in few])}
        lines.append(
            said("{number:,} class has fewer than {least} rows, too few to learn much from: {classes}", **facts)
            if len(few) == 1
            else said("{number:,} classes have fewer than {least} rows, too few to learn much from: {classes}", **facts)
        )
    test = report["splits"]["test"]
    if test < FEW_TEST_ROWS:
        lines.append(
            said("only {rows} test row: all figures of the test are rough", rows=test)
            if test == 1
            else said("only {rows} test rows: all figures of the test are rough", rows=test)
        )
    return lines


def _one_class(report: Mapping[str, Any]) -> str:
    train = report["labels"]["train"]
    name, most = max(train.items(), key=lambda item: item[1])
    share = most / sum(train.values())
    if share < MOST_OF_ONE:
        return ""
    return said(
        "{share:.0%} of the train rows are of one class, {name}: a model that always answers it has a high accuracy; look at "
        "macro-F1, and try --finetune.class-weights balanced",
        share=share,
        name=_quoted(name),
    )


def _score(report: Mapping[str, Any]) -> str:
    labels = report["labels"]["train"]
    if len(labels) <= MOST_VALUES or any(as_number(name) is None for name in labels):
        return ""
    return said(
        "the {labels} labels of train are all numbers: if they are a score, make a few classes of them with "
        "--ingest.label-bins",
        labels=len(labels),
    )


def _by_label(report: Mapping[str, Any]) -> dict[str, int]:
    """Number of kept rows of each class, on all sides together."""
    rows: dict[str, int] = {}
    for side in report["labels"].values():
        for name, count in side.items():
            rows[name] = rows.get(name, 0) + count
    return rows


def _listed(names: Sequence[str]) -> str:
    listed = joined(", ", names[:NAMED])
    return said("{names} and {more:,} more", names=listed, more=len(names) - NAMED) if len(names) > NAMED else listed


def _quoted(name: str) -> str:
    return repr(shortened(name, 60))
