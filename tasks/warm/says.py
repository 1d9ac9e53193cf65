"""How the steps of this room are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says_batches(report: Report) -> str:
    """How many batches there are, and the rows of the newest."""
    rows = report["rows"]
    return f"{len(rows):,} batch{'es' if len(rows) > 1 else ''} of test rows, {rows[-1] if rows else 0:,} rows in the newest"


BATCHES = Presentation(says=says_batches, metrics=lambda report: {})


def says_begin(report: Report) -> str:
    """Which rows are read, or why the champion is no start."""
    if report["reason"]:
        return str(report["reason"])
    corrected = f", {report['corrected']:,} of them with another label" if report["corrected"] else ""
    return f"{report['new']:,} new rows{corrected}, and {report['replayed']:,} of {report['old']:,} earlier ones again"


BEGIN = Presentation(says=says_begin)


def says_lineage(report: Report) -> str:
    """The version that the training has started from."""
    start = report["start"]
    if start is None:
        return "trained anew"
    times = report["generation"]
    return f"trained on from version {start['version']}, {times} time{'s' if times > 1 else ''} since it began anew"


LINEAGE = Presentation(says=says_lineage, metrics=lambda report: {"generation": float(report["generation"])})


def says_earlier(report: Report) -> str:
    """Accuracy on the first batch and on all, beside the champion's or a fresh model's."""
    first, beside = report["batches"][0], report["beside_fresh"]
    said = [f"batch {first['batch']}: {first['accuracy']:.4f}"]
    if "champion" in first:
        said[0] += f", champion {first['champion']:.4f}"
    if beside is not None:
        interval = f"{100 * beside['lower_95']:+.1f} to {100 * beside['upper_95']:+.1f}"
        said.append(
            f"trained anew {beside['fresh']:.4f} in {beside['fresh_seconds']:.1f} s, this {beside['accuracy']:.4f} in "
            f"{beside['seconds']:.1f} s: {100 * beside['difference']:+.1f} points ({interval})"
        )
    return "; ".join(said)


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The table by batch and the comparison."""
    return {"earlier": {name: report[name] for name in ("champion", "batches", "beside_fresh")}}


def figures(report: Report) -> dict[str, float]:
    """Accuracy by batch as MLflow shows it."""
    return {f"batch/{each['batch']}/accuracy": each["accuracy"] for each in report["batches"]}


EARLIER_BATCHES = Presentation(
    says=says_earlier, metrics=lambda report: {}, result=result, page=result, figures=figures, files=("earlier.json",)
)
