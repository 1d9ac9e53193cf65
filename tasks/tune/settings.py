"""The sections of the steps on folds: how rows are dealt, which fold a recipe is trained without, what is gathered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.finetune.settings import FinetuneConfig
from tasks.section import Count, Positive, Section

MOST_FOLDS = 20
NumFolds = Annotated[int, Field(ge=2, le=MOST_FOLDS)]


class DealConfig(Section):
    """How rows are dealt: near-duplicates from `similarity` on, and rows of one value of `column`, go to one fold."""

    folds: NumFolds
    seed: Count
    similarity: float | None = None
    column: str | None = None


class HeldFold(Section):
    """A recipe, and the fold that it is not trained on."""

    finetune: FinetuneConfig
    fold: Count


class GatherConfig(Section):
    """How many folds a dealing has, and the names of the two recipes."""

    folds: NumFolds
    repeats: Positive = 1
    title: str = ""
    against: str | None = None
