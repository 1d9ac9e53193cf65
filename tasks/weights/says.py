"""How weights is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """What network it is, and how large."""
    return f"{report['network']}, {report['parameters'] / 1e6:,.1f} million parameters, {report['dim']} dimensions"


SHOWN = Presentation(says=says)
