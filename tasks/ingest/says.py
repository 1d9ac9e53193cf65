"""How ingest is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.equation import equation
from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """Where the records went, why some are in quarantine, and what was passed over."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in report["reasons"].items())
    said = f"{equation(report)} ({reasons})" if reasons else equation(report)
    passed = ", ".join(f"{name} {count:,}" for name, count in report.get("passed_over", {}).items())
    return f"{said}; passed over: {passed}" if passed else said


SHOWN = Presentation(says=says)
