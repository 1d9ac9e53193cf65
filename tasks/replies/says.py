"""How the steps `replies` and `answered` are shown: on the console, in MLflow, in `train --json`, on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.shown import in_line
from tasks.store.presentation import Presentation
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says_carried(report: Report) -> str:
    """How many answers, for which texts, and what the others are shown."""
    told = said("{answers} answers, for {rule}", answers=report["answers"], rule=report["rule"])
    if not report["questions"]:
        return told
    others = {"questions": report["questions"], "way": report["found_by"]}
    return joined("; ", [told, said("the others see the nearest of {questions:,} questions by {way}", **others)])


def warn_carried(report: Report, folder: Path) -> list[str]:
    """Say what is handed over by mistake, perhaps."""
    found: list[str] = []
    if report["answers_nothing"]:
        found.append(
            said(
                "register.min_confidence auto: the rows cannot promise that at most 0.05 of the answers are wrong, so every "
                "text is handed over; label more rows, or set a number"
            )
        )
    missing = report["without_answer"]
    if missing:
        names = joined(", ", map(in_line, missing[:10]))
        if len(missing) > 10:
            names = said("{names} ...", names=names)
        found.append(
            said("register.answers has no answer for these labels, so their texts are handed over: {names}", names=names)
        )
    if not report["questions"]:
        found.append(
            said("this model makes nothing of texts by which like questions could be found; texts are handed over without")
        )
    return found


def says_answered(report: Report) -> str:
    """What became of the test rows."""
    told = said("{answered:,} of {rows:,} test texts answered", answered=report["answered"], rows=report["rows"])
    if report["right"]:
        told = said("{told}, {share:.1%} of them rightly", told=told, share=report["right"]["share"])
    if not (report["recall"] and report["finds_questions"]):
        return told
    found = {"number": report["handed_over"], "share": report["recall"]["share"]}
    return joined("; ", [told, said("of {number:,} handed over {share:.1%} are shown a question of their label", **found)])


def figures(report: Report) -> dict[str, float]:
    """The shares, for MLflow."""
    names = {"share": "answered_share", "right": "answered_accuracy", "recall": "neighbours_recall"}
    return {f"test/{shown}": report[name]["share"] for name, shown in names.items() if report[name]}


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The figures, without texts."""
    return {"answers": {name: value for name, value in report.items() if name != "examples"}}


CARRIED = Presentation(says=says_carried, metrics=lambda report: {}, warnings=warn_carried)
ANSWERED = Presentation(
    says=says_answered,
    metrics=lambda report: {},
    figures=figures,
    result=result,
    page=lambda report, folder: {"answers": dict(report)},
    files=("answered.json",),
)
