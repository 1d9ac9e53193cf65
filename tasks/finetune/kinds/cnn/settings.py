"""The settings of `cnn`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tasks.section import Positive, Section


class CnnSettings(Section):
    """TextCNN."""

    FORMER: ClassVar = {"filters": "hidden", "widths": "widths"}

    filters: Positive = Field(100, description="Filters of each width.")
    widths: tuple[Positive, ...] = Field((3, 4, 5), min_length=1, description="Widths of the filters in tokens.")
