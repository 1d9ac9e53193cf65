"""How prepare is shown: the split and its shares, and what is in doubt about the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.equation import equation
from tasks.prepare.cautions import cautions
from tasks.prepare.contradictions import CONTRADICTIONS
from tasks.prepare.label_rows import rows_by_label
from tasks.shown import in_line, shortened
from tasks.store.presentation import Presentation, numbers_of, reported_warnings
from tasks.wording.clauses import clauses
from tasks.wording.sentence import as_known, joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report

SHOWN_CLASSES = 6


def says(report: Report) -> str:
    """Where the rows went, how they are split, and how they were tokenized."""
    splits = joined(", ", [said("{rows:,} {side}", rows=rows, side=as_known(side)) for side, rows in report["splits"].items()])
    rule: list[str] = [said("split rule {rule}", rule=report["split"]["rule"])]
    if report["split"]["salt"] is not None:
        rule.append(said("salt {salt}", salt=report["split"]["salt"]))
    if "by" in report["split"]:
        rule.append(by_column(report["split"]))
    if report.get("official_valid"):
        rule.append(said("validation rows given"))
    tokens = said("{tokenizer} tokens", tokenizer=report["tokenizer"])
    return joined("; ", [equation(report), splits, clauses(rule), tokens])


def by_column(split: Report) -> str:
    """The column that decides the sides."""
    column = in_line(split["column"])
    if "from" in split:
        return said("by time of {column} from {first}", column=column, first=split["from"])
    if split["by"] == "group":
        return said("by group of {column}", column=column)
    return said("by {rule} of {column}", rule=split["by"], column=column)


def metrics(report: Report) -> dict[str, float]:
    """The numbers of the report, those of the contradictions among them."""
    return numbers_of(report, {"contradictions": report["contradictions"]})


def shares(report: Report) -> str:
    """How the rows of each class are parted: the largest classes, as many as a line has room for."""
    rows = rows_by_label(report["labels"])
    largest = sorted(rows, key=lambda name: -sum(rows[name]))[:SHOWN_CLASSES]
    parts = []
    for name in largest:
        train, valid, test = rows[name]
        parts.append(f"{shortened(name, 40)} {train:,} + {valid:,} + {test:,} ({test / (train + valid + test):.0%} test)")
    more = f", and {len(rows) - len(largest):,} more" if len(rows) > len(largest) else ""
    return f"train + valid + test of {', '.join(parts)}{more}"


def warnings(report: Report, folder: Path) -> list[str]:
    """What the step reported, and what is in doubt about the rows."""
    return [*reported_warnings(report, folder), *cautions(report, _file(folder))]


def contradictions(report: Report, folder: Path) -> dict[str, Any]:
    """The counts of texts with several labels, and the file that lists them, if there is one."""
    return {**report["contradictions"], "file": _file(folder)}


def result(report: Report, folder: Path) -> dict[str, Any]:
    """What became of the records, the split, and the rows by label."""
    return {
        "equation": equation(report),
        "split": report["split"],
        "labels": report["labels"],
        "contradictions": contradictions(report, folder),
    }


def page(report: Report, folder: Path) -> dict[str, Any]:
    """The same with the numbers apart, and the rows that were left out."""
    return {
        "data": {name: report[name] for name in ("found", "kept", "duplicates", "quarantined")},
        "splits": report["splits"],
        "dropped": {reason: count for reason, count in report["dropped"].items() if count},
        "split": report["split"],
        "labels": report["labels"],
        "contradictions": contradictions(report, folder),
    }


def _file(folder: Path) -> str | None:
    file = folder / CONTRADICTIONS
    return str(file) if file.is_file() else None


SHOWN = Presentation(
    says=says,
    metrics=metrics,
    details=lambda report: [shares(report)] if report["labels_found"] else [],
    warnings=warnings,
    result=result,
    page=page,
)
