"""The section `register`: when a new model replaces the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

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
    must_not_lose: tuple[str, ...] = Field(
        (),
        max_length=50,
        description="Slices of the test rows on which the challenger must not lose to the champion, such as company=ACME.",
    )

    answers: Path | None = Field(
        None, description="CSV of label,answer that the package carries: predict, score and serve then give the answer too."
    )
    min_confidence: Annotated[float, Field(gt=0.0, le=1.0)] | Literal["auto"] | None = Field(
        None,
        description="answers: least confidence of a text that is answered; others are handed over with the most similar "
        "training questions. auto: at most 0.05 of the answers are wrong (with evaluate.promise).",
    )

    @field_validator("must_not_lose")
    @classmethod
    def _slices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            column, _, wanted = name.partition("=")
            if not column or not wanted or not name.isprintable():
                raise ValueError(f"{name!r} is not a slice; write a column and a value, such as company=ACME")
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _confidence_of_answers(self) -> Self:
        if self.min_confidence is not None and self.answers is None:
            raise ValueError("min_confidence is for answers; give the file of answers too, or leave it out")
        return self
