"""The settings of the step `slices`: a part of the section `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.section import Count, Section

LENGTH, SCRIPT, SOURCE, NAME = OWN_COLUMNS = ("length", "script", "source", "name")  # of every corpus; names of a watch-list


class SliceConfig(Section):
    """Which slices of the test rows are looked at."""

    slice_rows: Annotated[int, Field(ge=5, le=1_000_000)] = Field(30, description="slices: fewest test rows of a slice.")
    slice_draws: Annotated[int, Field(ge=199, le=1_000_000)] = Field(
        2000, description="slices: random permutations by which p-values are corrected for the number of slices."
    )
    watch_list: Path | None = Field(
        None, description="slices: TOML file of names; the rows that speak of a name are a slice. As for textmill score."
    )
    seed: Count = Field(13, description="Seed of the permutations.")
