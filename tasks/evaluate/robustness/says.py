"""How the step `robustness` is shown: on the console, in MLflow, in `train --json`, on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation
from tasks.wording.sentence import as_known, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """How many texts were changed, and which change turns most labels."""
    touched = [each for each in report["changes"] if each["rows"]]
    if not touched:
        return said("{changes} changes touch none of {rows:,} texts", changes=len(report["changes"]), rows=report["rows"])
    worst = max(touched, key=lambda each: each["share"])
    return said(
        "{rows:,} texts, {changes} changes; most labels change by {name}, {share:.1%}",
        rows=report["rows"],
        changes=len(touched),
        name=as_known(worst["name"]),
        share=worst["share"],
    )


def details(report: Report) -> list[str]:
    """A line for each change."""
    lines = []
    for each in report["changes"]:
        if not each["rows"]:
            continue
        told = f"{each['name']}: {each['share']:.1%} of {each['rows']:,} labels change"
        if each["accuracy"]:
            low, high = (100 * end for end in each["accuracy"]["interval"])
            told += f", accuracy {100 * each['accuracy']['difference']:+.1f} points [{low:+.1f}, {high:+.1f}]"
        lines.append(told)
    return lines


def metrics(report: Report) -> dict[str, float]:
    """Of each change: rows, the share of labels that change, accuracy after it and the difference."""
    found: dict[str, float] = {}
    for each in report["changes"]:
        if not each["rows"]:
            continue
        found |= {f"{each['name']}/rows": float(each["rows"]), f"{each['name']}/flips": each["share"]}
        if each["accuracy"]:
            found |= {f"{each['name']}/{name}": each["accuracy"][part] for name, part in _ACCURACY.items()}
    return found


_ACCURACY = {"accuracy": "after", "difference": "difference"}


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The figures, without texts."""
    kept = ("rows", "flips", "share", "accuracy")
    changes = {each["name"]: {name: each[name] for name in kept if name in each} for each in report["changes"]}
    return {"robustness": {"rows": report["rows"], "changes": changes}}


def page(report: Report, folder: Path) -> dict[str, Any]:
    """All of it."""
    return {"robustness": dict(report)}


SHOWN = Presentation(says=says, details=details, metrics=metrics, result=result, page=page, files=("robustness.json",))
