"""The settings of training pretrained weights on, and what the step `adapt` is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.section import Count, Positive, Rate, Section, Threads

Objective = Literal["masked", "causal"]


class AdaptSettings(Section):
    """Training the weights that an encoder starts from on with the corpus' own text."""

    epochs: Positive = Field(3, description="Passes over the texts.")
    share: Annotated[float, Field(gt=0.0, le=0.5)] = Field(
        0.15,
        description="masked: pieces of a text to be filled in: 80% of them are masked, 10% another piece, 10% as they are.",
    )
    max_len: Positive = Field(128, description="Most pieces of a part of a text; longer texts are read in several parts.")
    batch_size: Positive = Field(32, description="Parts of texts a step.")
    lr: Rate = Field(5e-5, description="Learning rate at its peak.")
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="Weight decay (AdamW).")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="What the network multiplies in.")


class AdaptConfig(AdaptSettings):
    """What the step `adapt` is told."""

    kind: Objective
    unlabelled: bool
    threads: Threads
    seed: Count
