"""How align is shown: how much of the text has a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """The vocabulary and its coverage."""
    return said(
        "{vocabulary:,} words, coverage {coverage:.1%} of tokens",
        vocabulary=report["vocabulary"],
        coverage=report["coverage"],
    )


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The share of tokens that have a vector."""
    return {"coverage": report["coverage"]}


def page(report: Report, folder: Path) -> dict[str, Any]:
    """The coverage of tokens and of types, and the words without a vector."""
    names = {"coverage": "tokens", "coverage_types": "types", "vocabulary": "vocabulary", "missing": "missing"}
    return {"coverage": {to: float(report[name]) for name, to in names.items()}}


SHOWN = Presentation(says=says, result=result, skipped={"coverage": None}, page=page)
