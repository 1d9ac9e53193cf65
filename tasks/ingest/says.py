"""How ingest is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.equation import equation
from tasks.shown import in_line
from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """Where the records went, why some are in quarantine, and what was passed over."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in report["reasons"].items())
    said = f"{equation(report)} ({reasons})" if reasons else equation(report)
    passed = ", ".join(f"{name} {count:,}" for name, count in report.get("passed_over", {}).items())
    said = f"{said}; passed over: {passed}" if passed else said
    columns = ", ".join(f"{in_line(name)} ({kind})" for name, kind in report.get("columns", {}).items())
    return f"{said}; columns kept: {columns}" if columns else said


SHOWN = Presentation(says=says)
