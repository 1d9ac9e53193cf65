"""What the step `weights` is told: where the weights are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.section import Section

HubName = Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)?@[\w.-]+$")]  # NAME@COMMIT; anything else is a path
Place = HubName | Path
BARE_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def where_else(place: Path, folder: Path) -> str:
    """What to do about a folder of weights that is not there; the name as it was typed in `folder` may be one of the hub."""
    typed = place.relative_to(folder) if place.is_relative_to(folder) else place
    name = str(typed) if BARE_NAME.fullmatch(str(typed)) else "NAME"
    return f"correct the path, or for a model of the hub write {name}@COMMIT ({name}@main is refused with the commit)"


class WeightsConfig(Section):
    """Where pretrained weights are."""

    place: Place = Field(description="A folder, or NAME@COMMIT of the Hugging Face hub.")
    flag: str = Field(exclude=True)  # what messages call it; never in a key


def weights_config(place: Place | None, flag: str) -> WeightsConfig | None:
    """The section of the step for a setting that names weights; None where it names none."""
    return None if place is None else WeightsConfig(place=place, flag=flag)
