"""How finetune is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.history import read_history
from tasks.store.presentation import Point, Presentation, plain_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """The accuracy on the validation rows, and what kinds report besides."""
    if "valid_accuracy" not in report:
        return "no labelled row: nothing was trained, and nothing measured"
    prior = [f"{report['valid_prior_accuracy']:.4f} under class_prior"] if "valid_prior_accuracy" in report else []
    notes = list(report.get("notes", ()))
    if "lexicon" in report:
        of = report["lexicon"]
        notes.append(f"lexicon of {of['entries']:,} entries, {of['in no train row']:,} of them in no train row")
    return "; ".join([", ".join([f"valid accuracy {report['valid_accuracy']:.4f}", *prior]), *notes])


def metrics(report: Report) -> dict[str, float]:
    """The numbers of the report, those that kinds report besides among them."""
    return plain_numbers({**report, **report.get("figures", {})})


def points_of(history: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Point]:
    """The curves of a history: `finetune/<member>/<figure>` by epoch; figures that an epoch does not have are left out."""
    for member, epochs in history.items():
        for epoch in epochs:
            for figure, value in epoch.items():
                if figure != "number" and value is not None:
                    yield Point(f"finetune/{member}/{figure}", int(epoch["number"]), float(value))


def curves(folder: Path) -> Iterator[Point]:
    """The figures of each epoch."""
    return points_of(read_history(folder))


def page(report: Report, folder: Path) -> dict[str, Any]:
    """What each way to weigh the classes came to, where several were tried, and what became of a lexicon."""
    shown = {"class weights": "class_weights", "lexicon": "lexicon"}
    return {title: report[name] for title, name in shown.items() if name in report}


SHOWN = Presentation(says=says, metrics=metrics, curves=curves, page=page)
