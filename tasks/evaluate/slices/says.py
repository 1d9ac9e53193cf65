"""How the step `slices` is shown: on the console, in MLflow, in `train --json`, on the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tasks.shown import in_line, shortened
from tasks.store.presentation import Presentation
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.store.presentation import Report

MOST_SAID = 3  # weak slices that get a line
MOST_METRICS = 50  # slices whose figures MLflow is told
NAME_CHARS = 60
_NOT_IN_NAMES = re.compile(r"[^\w .-]")  # of metrics


def says(report: Report) -> str:
    """How many slices were looked at, and which are weak."""
    if not report["looked_at"]:
        return said("no column has two groups of at least {fewest} test rows", fewest=report["fewest"])
    weak = [shortened(in_line(name), NAME_CHARS) for name in report["weak"]]
    names = joined(", ", weak[:MOST_SAID])
    if len(weak) > MOST_SAID:
        names = said("{names} and {more} more", names=names, more=len(weak) - MOST_SAID)
    found = said("weak: {names}", names=names) if weak else said("none is weaker than chance explains")
    columns = joined(", ", map(in_line, report["columns"]))
    return said("{slices} slices by {columns}; {found}", slices=report["looked_at"], columns=columns, found=found)


def details(report: Report) -> list[str]:
    """A line for each of the weakest slices."""
    return [
        f"{shortened(in_line(name_of(each)), NAME_CHARS)}: accuracy {each['accuracy']:.3f} "
        f"[{each['interval'][0]:.3f}, {each['interval'][1]:.3f}] of {each['rows']:,} rows, "
        f"{100 * each['difference']:+.1f} points to the rest (corrected p {each['corrected_p']:.3g})"
        for each in report["slices"][: min(len(report["weak"]), MOST_SAID)]
    ]


def name_of(each: Mapping[str, Any]) -> str:
    """A slice as `COLUMN=VALUE`."""
    return f"{each['column']}={each['value']}"


def metrics(report: Report) -> dict[str, float]:
    """How many slices, how many of them weak, and the figures of the weakest ones under names that MLflow takes."""
    found = {"looked_at": float(report["looked_at"]), "weak": float(len(report["weak"]))}
    for each in report["slices"][:MOST_METRICS]:
        for name, value in _figures(each):
            found.setdefault(name, value)
    return found


def _figures(each: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    words = (_NOT_IN_NAMES.sub("_", shortened(each[part], NAME_CHARS)).strip(" .") or "_" for part in ("column", "value"))
    where = "/".join(words)
    for name in ("accuracy", "macro_f1", "difference", "rows", "corrected_p"):
        yield f"{where}/{name}", float(each[name])


def result(report: Report, folder: Path) -> dict[str, Any]:
    """How many slices were looked at, and the weak ones."""
    return {"slices": {"looked_at": report["looked_at"], "weak": report["slices"][: len(report["weak"])]}}


def page(report: Report, folder: Path) -> dict[str, Any]:
    """All of it."""
    return {"slices": dict(report)}


SLICES = Presentation(
    says=says, details=details, metrics=metrics, result=result, page=page, skipped={"slices": None}, files=("slices.json",)
)
