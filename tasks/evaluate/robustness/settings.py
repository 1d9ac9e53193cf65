"""The settings of the step `robustness`: a part of the section `evaluate`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tasks.section import Count, Section


class RobustnessConfig(Section):
    """How test texts are changed, and how many of them."""

    changes: tuple[str, ...]
    exchange: Path | None = None
    watch_list: Path | None = None
    rows: Count = Field(2000, description="Test rows at most; 0: all.")
    seed: Count = 13
