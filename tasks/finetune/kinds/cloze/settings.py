"""The settings of `cloze`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from tasks.section import Positive, Section
from tasks.weights.place import Place


class ClozeSettings(Section):
    """A masked language model that fills a prompt with words of the labels; nothing is trained."""

    model: Place | None = Field(
        None, description="Its weights, those of its masked head among them, as --finetune.encoder.model takes them."
    )
    labels: Path | None = Field(
        None, description='A TOML file with a template such as "{text} It was {mask}." and words for each label.'
    )
    max_len: Positive = Field(256, description="Most pieces of a text's prompt; the text is cut at its end.")

    def keyed(self) -> Self:
        """Without the name of the weights: their digest is in the key."""
        return self.model_copy(update={"model": None})
