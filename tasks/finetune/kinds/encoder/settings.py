"""The settings of `encoder`."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from tasks.embed.reading import Pooling, Truncate
from tasks.section import Dropout, Positive, Rate, Section
from tasks.weights.place import Place


class EncoderSettings(Section):
    """A pretrained language model."""

    model: Place | None = Field(
        None,
        description="Its weights: a folder with config.json, tokenizer.json and safetensors, or NAME@COMMIT of the Hugging "
        "Face hub.",
    )
    train: str = Field(
        "frozen",
        description="What is trained: frozen, a head on the vectors of texts; full, the whole network too; last:N, its last N "
        "layers.",
    )
    pooling: Pooling = Field(
        "mean", description="Which states of a text's pieces are its vector: their mean, the first's, the last's."
    )
    max_len: Positive = Field(256, description="Most pieces of a text that are read, the special ones among them.")
    truncate: Truncate = Field("head", description="What is kept of a longer text.")
    l2: Annotated[float, Field(ge=0.0)] = Field(
        0.01, description="frozen: weight of the squared weights in the loss of the regression on scaled vectors."
    )
    epochs: Positive = Field(4, description="full and last:N: most passes over the train rows; the best is kept.")
    lr: Rate = Field(5e-5, description="full and last:N: learning rate of the head at its peak.")
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.95, description="full and last:N: a layer's learning rate as a share of that of the layer above it."
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="full and last:N: weight decay (AdamW).")
    batch_size: Positive = Field(32, description="full and last:N: texts a step.")
    dropout: Dropout = Field(0.1, description="full and last:N: dropout before the head.")

    OF_TUNING: ClassVar = ("epochs", "lr", "layer_decay", "weight_decay", "batch_size", "dropout")

    @field_validator("train")
    @classmethod
    def _known_training(cls, value: str) -> str:
        if not re.fullmatch(r"frozen|full|last:[1-9][0-9]*", value):
            raise ValueError("choose frozen, full, or last:N such as last:2")
        return value

    @model_validator(mode="after")
    def _settings_of_what_is_trained(self) -> Self:
        fields = type(self).model_fields
        for name in self.OF_TUNING if self.frozen else ("l2",):
            if getattr(self, name) != fields[name].default:
                instead = "full or last:N" if self.frozen else "frozen"
                raise ValueError(f"train {self.train} reads no {name}; set train {instead}, or leave {name} out")
        return self

    @property
    def frozen(self) -> bool:
        """Whether the network stays as it is."""
        return self.train == "frozen"

    def keyed(self) -> Self:
        """Without the name of the weights: their digest is in the key."""
        return self.model_copy(update={"model": None})
