"""The section `evaluate`: measures on the test rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.section import Count, Section


class EvaluateConfig(Section):
    """How the model is measured on the test rows."""

    yardstick: bool = Field(True, description="Train TF-IDF + logistic regression on the same rows, for comparison.")
    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = Field(1000, description="Resamples behind each 95% interval.")
    bins: Annotated[int, Field(ge=2, le=100)] = Field(15, description="Bins of the reliability diagram and of ECE.")
    num_errors: Count = Field(20, description="Most confident errors shown in the report.")
    seed: Count = Field(13, description="Seed of the bootstrap.")
