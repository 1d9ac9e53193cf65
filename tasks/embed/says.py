"""How the steps `embed` and `embed_holdout` are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.presentation import Presentation
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """How many texts have a vector, and how many of these were new."""
    numbers = {name: report[name] for name in ("texts", "dim", "encoded")}
    return said("{texts:,} texts of {dim} dimensions, {encoded:,} of them encoded", **numbers)


SHOWN = Presentation(says=says)
