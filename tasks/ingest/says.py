"""How ingest is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.equation import equation
from tasks.shown import in_line
from tasks.store.presentation import Presentation, numbers_of

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """Where the records went, why some are in quarantine, and what was passed over."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in report["reasons"].items())
    said = f"{equation(report)} ({reasons})" if reasons else equation(report)
    passed = ", ".join(f"{name} {count:,}" for name, count in report.get("passed_over", {}).items())
    said = f"{said}; passed over: {passed}" if passed else said
    if given := given_in_words(report):
        said = f"{said}; {given}"
    columns = ", ".join(f"{in_line(name)} ({kind})" for name, kind in report.get("columns", {}).items())
    return f"{said}; columns kept: {columns}" if columns else said


def given_in_words(report: Report) -> str:
    """What became of the labels that people gave beside the corpus; empty where there are none."""
    counts = report.get("given_labels")
    if counts is None:
        return ""
    words = {"corrected": "corrected", "confirmed": "confirmed", "labelled": "rows labelled", "rows_added": "rows added"}
    said = ", ".join(f"{counts[name]:,} {word}" for name, word in words.items())
    more = {"unused": "unused", "unknown_label": "not among --ingest.labels"}
    rest = "".join(f", {counts[name]:,} {word}" for name, word in more.items() if counts[name])
    return f"labels given: {said}{rest}"


def metrics(report: Report) -> dict[str, float]:
    """The numbers of the report, those of given labels among them."""
    return numbers_of(report, {"given_labels": report["given_labels"]} if "given_labels" in report else {})


def result(report: Report, folder: Path) -> dict[str, Any]:
    """What became of given labels, for `train --json`; nothing where there are none."""
    return {"given_labels": report["given_labels"]} if "given_labels" in report else {}


def page(report: Report, folder: Path) -> dict[str, Any]:
    """The same as a table of its own on the page of the run."""
    return {"What became of the given labels": report["given_labels"]} if "given_labels" in report else {}


SHOWN = Presentation(says=says, metrics=metrics, result=result, page=page)
