"""How the steps `embed` and `embed_holdout` are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """How many texts have a vector, and how many of these were new."""
    return f"{report['texts']:,} texts of {report['dim']} dimensions, {report['encoded']:,} of them encoded"


SHOWN = Presentation(says=says)
