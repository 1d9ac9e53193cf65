"""The sections `retrain` and `watch`: training that drift starts, and the watchdog."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.section import Positive, Section


class RetrainConfig(Section):
    """The training run that drift of the stream starts."""

    deployment: str | None = Field(
        None, pattern=r"^[^/]+/[^/]+$", description="Deployment of train that drift starts, such as train/phrasebank."
    )
    cooldown_days: Positive = Field(7, description="Days to wait before drift may start another training.")


class WatchConfig(Section):
    """When the watchdog warns."""

    refresh_hours: Annotated[float, Field(gt=0.0)] = Field(
        3.0, description="Hours without a finished refresh after which it warns; longer where the schedule is sparser."
    )
    train_hours: Annotated[float, Field(gt=0.0)] = Field(
        36.0, description="Hours without a finished training run after which it warns; longer where the schedule is sparser."
    )
    remind_days: Positive = Field(1, description="Days before an unresolved warning is repeated.")
