"""The settings of `bag`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tasks.section import Dropout, Positive, Rate, Section


class BagSettings(Section):
    """The bag of n-grams."""

    FORMER: ClassVar = {
        "epochs": "bag_epochs",
        "batch_size": "bag_batch_size",
        "lr": "bag_lr",
        "dropout": "bag_dropout",
        "min_documents": "ngram_min_documents",
    }

    epochs: Positive | None = Field(
        None, description="Most passes over the train rows; default: finetune.epochs, whose auto is 5 to 10 here."
    )
    batch_size: Positive | Literal["auto"] = Field("auto", description="Documents a step; auto: about 150 steps an epoch.")
    lr: Rate = Field(0.02, description="Learning rate of its sparse Adam.")
    dropout: Dropout = Field(0.3, description="Dropout of n-grams on input.")
    min_documents: Positive | Literal["auto"] = Field("auto", description="Rarest n-gram, in documents; auto: 2.")
