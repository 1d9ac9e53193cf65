"""How labels that people gave are shown: how many, by whom, and how far two of them agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.shown import in_line
from tasks.store.presentation import Presentation
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """How many labels hold."""
    if not report["labels"]:
        return said("no labels: all imports are undone")
    people, imports = len(report["annotators"]), report["imports"]
    told = said(
        "{labels:,} labelled texts of {imports} by {annotators}",
        labels=report["labels"],
        imports=said("{number:,} import", number=imports) if imports == 1 else said("{number:,} imports", number=imports),
        annotators=said("{number:,} annotator", number=people) if people == 1 else said("{number:,} annotators", number=people),
    )
    if not report["conflicts"]:
        return told
    return said("{told}, {number:,} in conflict, where the later one holds", told=told, number=report["conflicts"])


def details(report: Report) -> list[str]:
    """How far people agree, and what the rows drawn at random tell."""
    lines = [agreement_in_words(each) for each in report["agreement"]]
    return lines + ([sample_in_words(report["sample"])] if report["sample"] else [])


def agreement_in_words(each: Mapping[str, Any]) -> str:
    """One line about two annotators."""
    one, other = map(in_line, each["annotators"])
    kappa = "not defined, as all have one label" if each["kappa"] is None else f"{each['kappa']:.2f}"
    return f"{one} and {other} agree on {each['agreed']:,} of {each['texts']:,} texts, Cohen's kappa {kappa}"


def sample_in_words(sample: Mapping[str, Any]) -> str:
    """One line about the rows that were drawn at random."""
    low, high = sample["interval"]
    return (
        f"of {sample['rows']:,} rows drawn at random {sample['as_suggested']:,} got the label that the model had suggested: "
        f"{sample['share']:.1%} [{low:.1%}, {high:.1%}]"
    )


def metrics(report: Report) -> dict[str, float]:
    """The counts, and the kappa of the two who share most texts."""
    found = {name: float(report[name]) for name in ("labels", "given", "imports", "conflicts")}
    if report["agreement"] and report["agreement"][0]["kappa"] is not None:
        found["kappa"] = report["agreement"][0]["kappa"]
    return found


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The part of `train --json`."""
    return {"labels_given": dict(report)}


def page(report: Report, folder: Path) -> dict[str, Any]:
    """A table of its own on the page of the run."""
    table: dict[str, Any] = {"labelled texts": report["labels"], "labels given": report["given"], "imports": report["imports"]}
    table |= {"texts in conflict": report["conflicts"]}
    table |= {f"given by {name}": count for name, count in report["annotators"].items()}
    table |= {" and ".join(each["annotators"]): agreement_in_words(each) for each in report["agreement"]}
    if report["sample"]:
        table["rows drawn at random"] = sample_in_words(report["sample"])
    return {"Labels given beside the corpus": table}


SHOWN = Presentation(says=says, metrics=metrics, details=details, result=result, page=page)
