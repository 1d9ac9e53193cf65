"""How finetune is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.history import read_history
from tasks.store.presentation import Point, Presentation, plain_numbers
from tasks.wording.clauses import clauses
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """The accuracy on the validation rows, and what kinds report besides."""
    if "valid_accuracy" not in report:
        return said("no labelled row: nothing was trained, and nothing measured")
    figures = [said("valid accuracy {accuracy:.4f}", accuracy=report["valid_accuracy"])]
    if "valid_prior_accuracy" in report:
        figures.append(said("{accuracy:.4f} under class_prior", accuracy=report["valid_prior_accuracy"]))
    told = [clauses(figures), *report.get("notes", ())]
    if "lexicon" in report:
        entries, unread = report["lexicon"]["entries"], report["lexicon"]["in no train row"]
        told.append(said("lexicon of {entries:,} entries, {unread:,} of them in no train row", entries=entries, unread=unread))
    return joined("; ", told)


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
    """The figures of each epoch; what each way to weigh the classes came to and what became of a lexicon, if there were any."""
    shown = {"class weights": "class_weights", "lexicon": "lexicon"}
    return {"history": read_history(folder)} | {title: report[name] for title, name in shown.items() if name in report}


SHOWN = Presentation(says=says, metrics=metrics, curves=curves, page=page)
