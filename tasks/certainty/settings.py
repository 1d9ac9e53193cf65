"""Settings of the section `evaluate` about how sure a model is, and the sections of the steps that they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.finetune.settings import FinetuneConfig
from tasks.section import Count, Positive, Section

HELD_SHARE, FOLDS = 0.5, 5


class CertaintySettings(Section):
    """What is promised about answers, which labels are doubted, what errors cost."""

    promise: Literal["off", "held", "folds"] = Field(
        "off",
        description="Carry in the package what --max-error of predict and score needs. held: count it on validation rows that "
        "then choose nothing of the model; folds: on train rows, by models of the same recipe trained without them.",
    )
    held_share: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        HELD_SHARE, description="promise held: share of the validation rows that is held back for it."
    )
    wrong_labels: bool = Field(
        False, description="Rank the train rows by how probably their label is wrong, by models trained without them."
    )
    folds: Annotated[int, Field(ge=2, le=20)] = Field(
        FOLDS, description="wrong_labels and promise folds: parts of the train rows; the recipe is trained once for each."
    )
    costs: Path | None = Field(
        None, description="TOML file of what each error costs, by true and given label; the report then says what saves most."
    )

    by_cost: bool = Field(
        False,
        description="costs: carry them in the package, for --by-cost of predict and score: the cheapest answer to expect.",
    )

    @model_validator(mode="after")
    def _settings_of_something(self) -> Self:
        if self.promise != "held" and self.held_share != HELD_SHARE:
            raise ValueError("held_share is for promise held; set that too, or leave held_share out")
        if self.by_cost and self.costs is None:
            raise ValueError("by_cost carries what costs names; set costs to a file, or leave by_cost out")
        if not self.trains_folds and self.folds != FOLDS:
            raise ValueError("folds is for wrong_labels true and promise folds; set one of them too, or leave folds out")
        return self

    @property
    def trains_folds(self) -> bool:
        """Whether the recipe is trained anew on folds of the train rows."""
        return self.wrong_labels or self.promise == "folds"


class ReserveConfig(Section):
    """Which validation rows are held back."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Count


class FoldConfig(Section):
    """One fold: a recipe, and which train rows it is not trained on."""

    finetune: FinetuneConfig
    folds: Positive
    fold: Count
    seed: Count


class PromiseConfig(Section):
    """Which rows carry the promise."""

    rule: Literal["held", "folds"]


class CertaintyConfig(Section):
    """What an error costs."""

    costs: Path | None = None
