"""How ingest is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.equation import equation
from tasks.shown import in_line
from tasks.store.presentation import Presentation, numbers_of
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """Where the records went, why some are in quarantine, and what was passed over."""
    counts, reasons = equation(report), [f"{count:,} {reason}" for reason, count in report["reasons"].items()]
    told = [said("{counts} ({reasons})", counts=counts, reasons=joined(", ", reasons)) if reasons else counts]
    if passed := [f"{name} {count:,}" for name, count in report.get("passed_over", {}).items()]:
        told.append(said("passed over: {names}", names=joined(", ", passed)))
    if given := given_in_words(report):
        told.append(given)
    if columns := [f"{in_line(name)} ({kind})" for name, kind in report.get("columns", {}).items()]:
        told.append(said("columns kept: {names}", names=joined(", ", columns)))
    return joined("; ", told)


def given_in_words(report: Report) -> str:
    """What became of the labels that people gave beside the corpus; empty where there are none."""
    counts = report.get("given_labels")
    if counts is None:
        return ""
    always = {
        "corrected": said("{number:,} corrected", number=counts["corrected"]),
        "confirmed": said("{number:,} confirmed", number=counts["confirmed"]),
        "labelled": said("{number:,} rows labelled", number=counts["labelled"]),
        "rows_added": said("{number:,} rows added", number=counts["rows_added"]),
    }
    perhaps = {
        "unused": said("{number:,} unused", number=counts["unused"]),
        "unknown_label": said("{number:,} not among --ingest.labels", number=counts["unknown_label"]),
    }
    parts = [*always.values(), *(part for name, part in perhaps.items() if counts[name])]
    return said("labels given: {parts}", parts=joined(", ", parts))


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
