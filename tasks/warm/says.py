"""How the steps of this room are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation
from tasks.wording.clauses import clauses
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says_batches(report: Report) -> str:
    """How many batches there are, and the rows of the newest."""
    rows = report["rows"]
    numbers = {"batches": len(rows), "newest": rows[-1] if rows else 0}
    if len(rows) > 1:
        return said("{batches:,} batches of test rows, {newest:,} rows in the newest", **numbers)
    return said("{batches:,} batch of test rows, {newest:,} rows in the newest", **numbers)


BATCHES = Presentation(says=says_batches, metrics=lambda report: {})


def says_begin(report: Report) -> str:
    """Which rows are read, or why the champion is no start."""
    if report["reason"]:
        return str(report["reason"])
    new = said("{new:,} new rows", new=report["new"])
    if report["corrected"]:
        new = said("{new}, {corrected:,} of them with another label", new=new, corrected=report["corrected"])
    return said(
        "{new}, and {replayed:,} of {old:,} earlier ones again", new=new, replayed=report["replayed"], old=report["old"]
    )


BEGIN = Presentation(says=says_begin)


def says_lineage(report: Report) -> str:
    """The version that the training has started from."""
    start = report["start"]
    if start is None:
        return said("trained anew")
    found = {"version": start["version"], "times": report["generation"]}
    if found["times"] > 1:
        return said("trained on from version {version}, {times} times since it began anew", **found)
    return said("trained on from version {version}, {times} time since it began anew", **found)


LINEAGE = Presentation(says=says_lineage, metrics=lambda report: {"generation": float(report["generation"])})


def says_earlier(report: Report) -> str:
    """Accuracy on the first batch and on all, beside the champion's or a fresh model's."""
    first, beside = report["batches"][0], report["beside_fresh"]
    of_first = [said("batch {batch}: {accuracy:.4f}", batch=first["batch"], accuracy=first["accuracy"])]
    if "champion" in first:
        of_first.append(said("champion {accuracy:.4f}", accuracy=first["champion"]))
    told = [clauses(of_first)]
    if beside is not None:
        parts = {"points": "difference", "low": "lower_95", "high": "upper_95"}
        points = {name: 100 * beside[part] for name, part in parts.items()}
        told.append(
            said(
                "trained anew {fresh:.4f} in {fresh_seconds:.1f} s, this {accuracy:.4f} in {seconds:.1f} s: "
                "{points:+.1f} points ({low:+.1f} to {high:+.1f})",
                **{name: beside[name] for name in ("fresh", "fresh_seconds", "accuracy", "seconds")},
                **points,
            )
        )
    return joined("; ", told)


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The table by batch and the comparison."""
    return {"earlier": {name: report[name] for name in ("champion", "batches", "beside_fresh")}}


def figures(report: Report) -> dict[str, float]:
    """Accuracy by batch as MLflow shows it."""
    return {f"batch/{each['batch']}/accuracy": each["accuracy"] for each in report["batches"]}


EARLIER_BATCHES = Presentation(
    says=says_earlier, metrics=lambda report: {}, result=result, page=result, figures=figures, files=("earlier.json",)
)
