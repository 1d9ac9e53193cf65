"""The section `detect`: bad news, and a surge of it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.section import Count, Positive, Section


class DetectConfig(Section):
    """How bad news is counted, and how much of it is a surge."""

    negative: str = Field("negative", min_length=1, description="Label of bad news.")
    window_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="Days of the window that is judged, its last day included."
    )
    baseline_days: Annotated[int, Field(ge=7, le=3650)] = Field(
        180, description="Days before the window that it is compared with; at least twice the window."
    )
    min_documents: Positive = Field(20, description="Fewest documents in a window that is judged.")
    min_baseline_days: Annotated[int, Field(ge=7)] = Field(60, description="Fewest days with documents in a baseline.")
    cooldown_days: Count = Field(14, description="Days without an alarm before a series may raise another.")
    false_alarms_high: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        3.0, description="Accepted false alarms of severity high in 1,000 days of one series; sets the threshold."
    )
    false_alarms_low: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        10.0, description="The same for severity low; at least as many."
    )
    num_headlines: Count = Field(10, description="Headlines shown with a surge.")
    num_words: Count = Field(15, description="Words shown with a surge.")
    drift_days: Positive = Field(28, description="Latest days that are compared with the training data.")
    drift_reference_days: Positive = Field(
        56, description="First days of the stream that replace the training data where the model has no profile of it."
    )
    drift_min_documents: Positive = Field(
        200, description="Fewest documents on either side of the comparison with the training data."
    )
    drift_min_psi: Annotated[float, Field(ge=0.0)] = Field(
        0.25, description="Smallest population stability index that counts as drift, however certain."
    )
    drift_level: Annotated[float, Field(gt=0.0, lt=0.5)] = Field(
        0.001, description="Chance that a feature without drift exceeds its threshold."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.baseline_days < 2 * self.window_days:
            raise ValueError(f"baseline_days {self.baseline_days} is too short; give at least {2 * self.window_days}")
        if self.false_alarms_low < self.false_alarms_high:
            raise ValueError("false_alarms_low is below false_alarms_high; a low alarm cannot be rarer than a high one")
        return self
