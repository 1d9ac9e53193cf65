"""How evaluate and the yardstick are shown: the figures of the test, and the page of the run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tasks.evaluate.report import SIDE, render_report
from tasks.evaluate.unmeasured import render
from tasks.store.presentation import Presentation
from tasks.wording.sentence import as_known, joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.presentation import Report

RESULT = ("accuracy", "macro_f1", "test_rows", "intervals", "interval_methods")


def says(report: Report) -> str:
    """The two figures of the test that everybody asks for."""
    plain = said("test accuracy {accuracy:.4f}, macro-F1 {macro_f1:.4f}", **_accuracy_and_f1(report))
    if "prior" not in report:
        return plain
    under = said("under class_prior {accuracy:.4f}, macro-F1 {macro_f1:.4f}", **_accuracy_and_f1(report["prior"]["model"]))
    return joined("; ", [plain, under])


def _accuracy_and_f1(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: figures[name] for name in ("accuracy", "macro_f1")}


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
    says=lambda report: said("{labels} labels, no labelled row: nothing was measured", labels=len(report["labels"])),
    warnings=lambda report, folder: [
        said("nothing was measured: no row has a label, so nobody knows how often this model is right")
    ],
    metrics=lambda report: {},
    result=nothing,
    render=render,
)
YARDSTICK = Presentation(says=says, result=of_yardstick, skipped={"yardstick": None})


def says_curve(report: Report) -> str:
    """Accuracy at the fewest and at the most rows a class, and what twice as many may bring."""
    points, following = report["points"], report["next"]
    if not points:
        return said("no size could be measured") if report["failed"] else said("too few rows a class for a curve")
    first, last = (each["accuracy"]["mean"] for each in (points[0], points[-1]))
    sizes = {"few": points[0]["per_class"], "first": first, "many": points[-1]["per_class"], "last": last}
    curve = (
        said("accuracy {first:.3f} at {few} to {last:.3f} at {many} rows a class", **sizes)
        if len(points) > 1
        else said("accuracy {first:.3f} at {few} rows a class", **sizes)
    )
    if following is None:
        return curve
    return joined("; ", [curve, said("twice as many: {gain}", gain=gain(following["accuracy"]))])


def gain(expected: Mapping[str, Any]) -> str:
    """A gain in points, with its interval."""
    points = 100 * expected["gain"]
    if expected["interval"] is None:
        return said("{points:+.1f} points", points=points)
    low, high = (100 * end for end in expected["interval"])
    return said("{points:+.1f} points ({low:+.1f} to {high:+.1f})", points=points, low=low, high=high)


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
        said("the learning curve has no point at {rows} rows a class: {reason}", rows=each["per_class"], reason=each["reason"])
        for each in report["failed"]
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
    by_time, at_random = (
        "{:.4f} [{:.4f}, {:.4f}]".format(each["accuracy"], *each["interval"])
        for each in (report["by_time"], report["at_random"])
    )
    return said(
        "accuracy by time {by_time}, at random {at_random}: {meaning}",
        by_time=by_time,
        at_random=at_random,
        meaning=as_known(report["meaning"]),
    )


BESIDE = Presentation(
    says=says_beside,
    metrics=lambda report: {},
    result=lambda report, folder: {"beside": dict(report)},
    page=lambda report, folder: {"beside": dict(report)},
    figures=lambda report: {f"beside/{part}/accuracy": report[part]["accuracy"] for part in ("by_time", "at_random")},
)
