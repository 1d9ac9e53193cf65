"""How evaluate and the yardstick are shown: the figures of the test, and the page of the run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tasks.evaluate.report import SIDE, render_report
from tasks.evaluate.unmeasured import render
from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.presentation import Report

RESULT = ("accuracy", "macro_f1", "test_rows", "intervals", "interval_methods")


def says(report: Report) -> str:
    """The two figures of the test that everybody asks for."""
    said = f"test accuracy {report['accuracy']:.4f}, macro-F1 {report['macro_f1']:.4f}"
    if "prior" not in report:
        return said
    under = report["prior"]["model"]
    return f"{said}; under class_prior {under['accuracy']:.4f}, macro-F1 {under['macro_f1']:.4f}"


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The figures of the test, with their intervals."""
    prior = {"class_prior": report["prior"]} if "prior" in report else {}
    ranked = {"ranking": report["ranking"]} if "ranking" in report else {}
    return {name: report[name] for name in RESULT} | prior | ranked


def figures(report: Report) -> dict[str, float]:
    """The figures of the test as MLflow and TensorBoard show them."""
    under = report["prior"]["model"] if "prior" in report else {}
    prior = {f"test/prior/{name}": float(under[name]) for name in ("accuracy", "macro_f1", "ece", "log_loss") if name in under}
    ranked = {"test/roc_auc": float(report["ranking"]["roc_auc"])} if "ranking" in report else {}
    return {f"test/{name}": float(report[name]) for name in ("accuracy", "macro_f1", "ece", "aurc")} | prior | ranked


def of_yardstick(report: Report, folder: Path) -> dict[str, Any]:
    """The yardstick's figures."""
    return {"yardstick": {"accuracy": report["accuracy"], "macro_f1": report["macro_f1"]}}


SHOWN = Presentation(says=says, result=result, figures=figures, files=(".",), render=render_report)


def nothing(report: Report, folder: Path) -> dict[str, Any]:
    """The figures of the test where there was none."""
    return {**dict.fromkeys(RESULT), "test_rows": 0}


UNMEASURED = Presentation(
    says=lambda report: f"{len(report['labels'])} labels, no labelled row: nothing was measured",
    warnings=lambda report, folder: ["nothing was measured: no row has a label, so nobody knows how often this model is right"],
    metrics=lambda report: {},
    result=nothing,
    render=render,
)
YARDSTICK = Presentation(says=says, result=of_yardstick, skipped={"yardstick": None})


def says_curve(report: Report) -> str:
    """Accuracy at the fewest and at the most rows a class, and what twice as many may bring."""
    points, following = report["points"], report["next"]
    if not points:
        return "no size could be measured" if report["failed"] else "too few rows a class for a curve"
    at = [f"{each['accuracy']['mean']:.3f} at {each['per_class']}" for each in (points[0], points[-1])]
    said = f"accuracy {' to '.join(at if len(points) > 1 else at[:1])} rows a class"
    return said if following is None else f"{said}; twice as many: {gain(following['accuracy'])}"


def gain(expected: Mapping[str, Any]) -> str:
    """A gain in points, with its interval."""
    interval = expected["interval"]
    within = "" if interval is None else " ({:+.1f} to {:+.1f})".format(*(100 * end for end in interval))
    return f"{100 * expected['gain']:+.1f} points{within}"


def figures_of_curve(report: Report) -> dict[str, float]:
    """The means at each size as MLflow and TensorBoard show them."""
    return {
        f"learning_curve/{each['per_class']}/{name}": each[name]["mean"]
        for each in report["points"]
        for name in ("accuracy", "macro_f1")
    }


def failed(report: Report, folder: Path) -> list[str]:
    """Why some sizes were not measured."""
    return [
        f"the learning curve has no point at {each['per_class']} rows a class: {each['reason']}" for each in report["failed"]
    ]


def page_of_curve(report: Report, folder: Path) -> dict[str, Any]:
    """The curve and its figure."""
    file = folder / SIDE / "learning_curve.png"
    drawn = base64.b64encode(file.read_bytes()).decode() if file.is_file() else ""
    return {"learning_curve": {**report, "figure": drawn}}


LEARNING_CURVE = Presentation(
    says=says_curve,
    metrics=lambda report: {},
    warnings=failed,
    result=lambda report, folder: {"learning_curve": dict(report)},
    page=page_of_curve,
    figures=figures_of_curve,
    files=("side", "curve.json"),
)


def says_beside(report: Report) -> str:
    """Both accuracies, and what their difference says."""
    shown = [
        "{} {:.4f} [{:.4f}, {:.4f}]".format(name, report[part]["accuracy"], *report[part]["interval"])
        for name, part in (("by time", "by_time"), ("at random", "at_random"))
    ]
    return f"accuracy {', '.join(shown)}: {report['meaning']}"


BESIDE = Presentation(
    says=says_beside,
    metrics=lambda report: {},
    result=lambda report, folder: {"beside": dict(report)},
    page=lambda report, folder: {"beside": dict(report)},
    figures=lambda report: {f"beside/{part}/accuracy": report[part]["accuracy"] for part in ("by_time", "at_random")},
)
