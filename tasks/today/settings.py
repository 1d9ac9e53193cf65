"""The section `today`: how good the model is on the latest documents, and what has changed in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.section import Positive, Section


class TodayConfig(Section):
    """How good the model is today, and what has changed."""

    days: Annotated[int, Field(ge=1, le=365)] = Field(28, description="Latest days that are judged.")
    before_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        180, description="Days before them that their texts are compared with."
    )
    min_documents: Positive = Field(200, description="Fewest documents on which anything is said.")
    margin: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        0.02, description="How far the expected accuracy may be below the registered one before it raises an alert."
    )
    min_auc: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        0.65,
        description="AUC with which old and new texts are told apart where the world has changed, if the past is short.",
    )
