"""What the step `weights` is told: where the weights are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.section import Section

HubName = Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)?@[\w.-]+$")]  # NAME@COMMIT; anything else is a path
Place = HubName | Path


class WeightsConfig(Section):
    """Where pretrained weights are."""

    place: Place = Field(description="A folder, or NAME@COMMIT of the Hugging Face hub.")
    flag: str = Field(exclude=True)  # what messages call it; never in a key


def weights_config(place: Place | None, flag: str) -> WeightsConfig | None:
    """The section of the step for a setting that names weights; None where it names none."""
    return None if place is None else WeightsConfig(place=place, flag=flag)
