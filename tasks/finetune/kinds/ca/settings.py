"""The settings of `ca`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.section import Count, Positive, Section


class CaSettings(Section):
    """Correspondence analysis."""

    FORMER: ClassVar = {
        "dim": "ca_dim",
        "rounds": "ca_rounds",
        "min_documents": "ca_min_documents",
        "unlabelled": "ca_unlabelled",
        "l2": "ca_l2",
    }

    dim: Positive = Field(200, description="Dimensions of the space in which documents and n-grams are averaged.")
    rounds: Positive = Field(20, description="Number of averaging rounds.")
    min_documents: Positive = Field(5, description="Rarest n-gram, in documents, unlabelled ones too.")
    unlabelled: Count = Field(200_000, description="Most unlabelled documents read beside train; bounds memory.")
    l2: Annotated[float, Field(ge=0.0)] = Field(1e-3, description="Weight of the squared weights in its loss.")
