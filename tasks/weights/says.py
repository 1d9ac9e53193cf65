"""How weights is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.presentation import Presentation
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """What network it is, and how large."""
    return said(
        "{network}, {millions:,.1f} million parameters, {dim} dimensions",
        network=report["network"],
        millions=report["parameters"] / 1e6,
        dim=report["dim"],
    )


SHOWN = Presentation(says=says)
