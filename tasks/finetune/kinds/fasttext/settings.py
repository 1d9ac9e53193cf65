"""The settings of `fasttext`, named as the library names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.section import Count, Positive, Rate, Section

if TYPE_CHECKING:
    from tasks.finetune.settings import SharedSettings


class FasttextSettings(Section):
    """fastText's supervised classifier."""

    FORMER: ClassVar = {"dim": "fasttext_dim", "epoch": "fasttext_epoch", "lr": "fasttext_lr"}
    FORMER_DEFAULTS: ClassVar = {"dim": 10}

    dim: Positive | None = Field(None, description="Dimensions; default: 10, or those of the vectors it starts from.")
    epoch: Positive | None = Field(
        None, description="Passes over the train rows; default: finetune.epochs, whose auto is 5 here."
    )
    lr: Rate = Field(0.5, description="Learning rate.")
    loss: Literal["softmax", "hs", "ova"] = Field(
        "softmax", description="Softmax; hs: hierarchical softmax, for hundreds of classes; ova: one against all."
    )
    min_count: Positive = Field(1, description="Rarest train word that gets a row of its own.")
    minn: Count = Field(0, description="Shortest subword in characters.")
    maxn: Count = Field(0, description="Longest subword in characters; 0: no subwords.")
    vectors: bool = Field(
        False, description="Start from the word vectors of pretrain, or of align.vectors (the library's pretrainedVectors)."
    )

    @model_validator(mode="after")
    def _subword_range(self) -> Self:
        if self.maxn and self.minn > self.maxn:
            raise ValueError(f"minn {self.minn} is larger than maxn {self.maxn}; set minn <= maxn, or maxn 0 for no subwords")
        if self.minn and not self.maxn:
            raise ValueError(f"minn {self.minn} is for subwords, and maxn 0 makes none; raise maxn, or remove minn")
        return self


def starts_from_vectors(config: SharedSettings) -> bool:
    """Whether it reads the vectors that align found."""
    return config.settings(FasttextSettings).vectors
