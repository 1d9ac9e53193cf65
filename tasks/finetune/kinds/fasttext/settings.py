"""The settings of `fasttext`, named as the library names them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tasks.section import Positive, Rate, Section


class FasttextSettings(Section):
    """fastText's supervised classifier."""

    FORMER: ClassVar = {"dim": "fasttext_dim", "epoch": "fasttext_epoch", "lr": "fasttext_lr"}

    dim: Positive = Field(10, description="Dimensions.")
    epoch: Positive | None = Field(
        None, description="Passes over the train rows; default: finetune.epochs, whose auto is 5 here."
    )
    lr: Rate = Field(0.5, description="Learning rate.")
