"""The section `register`: when a new model replaces the champion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.section import Section


class RegisterConfig(Section):
    """When a new model replaces the champion."""

    gate: Literal["better", "not_worse"] = Field(
        "not_worse", description="The challenger must be better than, or not worse than, the champion on the same test rows."
    )
    margin: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.01, description="not_worse: largest loss of accuracy allowed.")
    evidence: Literal["auto", "test", "folds"] = Field(
        "auto",
        description="Evidence of the gate; test: the test rows; folds: both recipes trained anew on folds of the corpus, "
        "unless the test rows show a loss; auto: folds where the test rows are too few.",
    )
    fold_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] = Field(
        20.0, description="Longest time to train on folds; if ten folds would take longer, the test rows decide alone."
    )
