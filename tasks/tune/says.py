"""How the steps on folds are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.shown import shortened
from tasks.store.presentation import Presentation
from tasks.tune.gather import RESULT
from tasks.tune.interval import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.presentation import Report

NAME = "tune"  # what the work of a search is shown as
LARGE = 1.5  # times the rows of an even fold
NAMED = 5


def says_deal(report: Report) -> str:
    """How many rows went to how many folds, and what stays together."""
    together = f" of one {report['column']!r}" if report["column"] else ""
    whole = f"; {report['groups']:,} groups{together} stay whole" if report["groups"] < report["rows"] else ""
    return f"{report['rows']:,} train and validation rows in {report['folds']} folds{whole}"


def cautions(report: Report, folder: Path) -> list[str]:
    """Say where labels are too rare for the folds, or one group fills more than a fold."""
    lines = []
    if rare := report["rare"]:
        named = ", ".join(f"{shortened(name, 60)!r} {count}" for name, count in list(rare.items())[:NAMED])
        more = f" and {len(rare) - NAMED} more" if len(rare) > NAMED else ""
        lines.append(f"labels with fewer rows than {report['folds']} folds ({named}{more}) are missing from some of them")
    if report["largest_group"] > LARGE * report["rows"] / report["folds"]:
        lines.append(
            f"a group of {report['largest_group']:,} rows that stay together is larger than a fold, so folds are uneven; "
            "use fewer with --folds"
        )
    return lines


def interval_of(figure: Mapping[str, Any]) -> str:
    """A mean with its interval."""
    return "{:.4f} [{:.4f}, {:.4f}]".format(figure["mean"], *figure["interval"])


def says_folds(report: Report) -> str:
    """The mean accuracy and macro-F1 with their intervals."""
    return f"accuracy {interval_of(report['accuracy'])}, macro-F1 {interval_of(report['macro_f1'])}"


def details(report: Report) -> list[str]:
    """The comparison with another recipe, in a line."""
    if report["against"] is None:
        return []
    found = report["against"]["difference"]["accuracy"]
    lower, upper = found["interval"]
    return [f"accuracy {found['mean']:+.4f} [{lower:+.4f}, {upper:+.4f}] against {report['against']['title']}"]


def figures(report: Report) -> dict[str, float]:
    """What the run ends with in MLflow."""
    found: dict[str, float] = {}
    for name in FIGURES:
        found |= {f"folds/{name}": report[name]["mean"], f"folds/{name}_error": report[name]["error"]}
        if report["against"]:
            found[f"folds/{name}_difference"] = report["against"]["difference"][name]["mean"]
    return found


def _render(folder: Path, context: Mapping[str, Any], out_file: Path) -> Path:
    from tasks.tune.page import render_folds  # jinja2

    return render_folds(folder, context, out_file)


DEAL = Presentation(says=says_deal, metrics=lambda report: {"rows": float(report["rows"])}, warnings=cautions)
FOLDS = Presentation(
    says=says_folds,
    metrics=lambda report: {},
    details=details,
    warnings=lambda report, folder: [],
    result=lambda report, folder: {**report, "predictions": str(folder / "predictions.parquet")},
    figures=figures,
    files=(RESULT, "predictions.parquet"),
    render=_render,
)
