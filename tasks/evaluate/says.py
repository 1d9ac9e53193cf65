"""How evaluate and the yardstick are shown: the figures of the test, and the page of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.evaluate.report import render_report
from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report

RESULT = ("accuracy", "macro_f1", "test_rows", "intervals", "interval_methods")


def says(report: Report) -> str:
    """The two figures of the test that everybody asks for."""
    return f"test accuracy {report['accuracy']:.4f}, macro-F1 {report['macro_f1']:.4f}"


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The figures of the test, with their intervals."""
    return {name: report[name] for name in RESULT}


def figures(report: Report) -> dict[str, float]:
    """The figures of the test as MLflow and TensorBoard show them."""
    return {f"test/{name}": float(report[name]) for name in ("accuracy", "macro_f1", "ece")}


def of_yardstick(report: Report, folder: Path) -> dict[str, Any]:
    """The yardstick's figures."""
    return {"yardstick": {"accuracy": report["accuracy"], "macro_f1": report["macro_f1"]}}


SHOWN = Presentation(says=says, result=result, figures=figures, files=(".",), render=render_report)
YARDSTICK = Presentation(says=says, result=of_yardstick, skipped={"yardstick": None})
