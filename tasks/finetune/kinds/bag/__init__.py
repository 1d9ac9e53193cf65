"""A bag of word n-grams: fastText's own classifier in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind, no_lexicon
from tasks.finetune.kinds.bag.settings import BagSettings

if TYPE_CHECKING:
    from tasks.finetune.counted import Counted
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings


def _train(job: Job, epochs_before: int) -> list[Trained]:
    if job.former is not None:
        from tasks.finetune.kinds.bag.warm import train_warm_bag

        return train_warm_bag(job, epochs_before)
    from tasks.finetune.kinds.bag.train import train_bag  # heavy libraries

    return train_bag(job, epochs_before)


def _counts(config: SharedSettings) -> Counted:
    from tasks.finetune.kinds.bag.train import counted

    return counted(config)


KIND = Kind(
    "bag",
    reads="ngrams",
    train=_train,
    sections={"bag": BagSettings},
    trained_with=("torch",),
    counts=_counts,
    no_start=no_lexicon,
    shared=frozenset({"epochs", "patience", "class_weights", "ngrams", "lexicon"}),
    automatic=True,
    instead={
        "finetune.epochs": "bag.epochs",
        "network.lr": "bag.lr",
        "network.dropout": "bag.dropout",
        "network.batch_size": "bag.batch_size",
        "pretrain.epoch": "bag.epochs",
        "pretrain.lr": "bag.lr",
    },
    called=("embedding-bag", "bow"),
    words={"min-count": "min-documents", "min-df": "min-documents", "batch-size": "batch-size"},
)
