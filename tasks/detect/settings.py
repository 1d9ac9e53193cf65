"""The section `detect`: bad news, and a surge of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.section import Count, Positive, Section


class DetectConfig(Section):
    """How bad news is counted, and how much of it is a surge."""

    negative: str = Field("negative", min_length=1, description="Label of bad news.")
    count: Literal["documents", "stories"] = Field(
        "documents", description="What surges count; stories: near-copies of a text once, on the day that the first one comes."
    )
    story_days: Annotated[int, Field(ge=1, le=60)] = Field(
        7, description="Days after a text in which a near-copy of it belongs to the same story."
    )
    story_similarity: Annotated[float, Field(gt=0.5, le=1.0)] = Field(
        0.8, description="Texts are near-copies from this estimated Jaccard similarity of their word 5-shingles on."
    )
    window_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="Days of the window that is judged, its last day included."
    )
    baseline_days: Annotated[int, Field(ge=7, le=3650)] = Field(
        180, description="Days before the window that it is compared with; at least twice the window."
    )
    min_documents: Positive = Field(20, description="Fewest documents in a window of window_days that is judged alone.")
    small_window_days: Annotated[int, Field(ge=0, le=180)] = Field(
        14,
        description="Days of the window of series that have fewer than twice min_documents in window_days; they are judged by "
        "what is usual among them. 0: they are judged as all others.",
    )
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

    @property
    def small_window(self) -> int:
        """Days of the window of small series: at most half a baseline, at least `window_days`; 0 where there are none."""
        days = max(self.window_days, min(self.small_window_days, self.baseline_days // 2))
        return days if self.small_window_days else 0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.baseline_days < 2 * self.window_days:
            raise ValueError(f"baseline_days {self.baseline_days} is too short; give at least {2 * self.window_days}")
        if self.false_alarms_low < self.false_alarms_high:
            raise ValueError("false_alarms_low is below false_alarms_high; a low alarm cannot be rarer than a high one")
        return self
