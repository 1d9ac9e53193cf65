"""What the page of a run shows of the slices; slices.html.j2 beside this file is its section."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Slice(BaseModel):
    """One slice; see tasks.evaluate.slices.slices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    value: str
    rows: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    difference: float
    p: float
    corrected_p: float


class Slices(BaseModel):
    """All slices that were looked at, the weakest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test_rows: int
    accuracy: float
    looked_at: int
    columns: tuple[str, ...]
    draws: int
    fewest: int
    slices: tuple[Slice, ...]
    weak: tuple[str, ...]
