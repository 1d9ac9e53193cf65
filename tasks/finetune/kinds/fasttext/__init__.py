"""fastText's own supervised classifier, trained by its own library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind
from tasks.finetune.kinds.fasttext.settings import FasttextSettings, starts_from_vectors

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.fasttext.train import train_kind  # heavy libraries

    return train_kind(job)


KIND = Kind(
    "fasttext",
    reads="ngrams",
    train=_train,
    sections={"fasttext": FasttextSettings},
    trained_with=("fasttext-community",),
    shared=frozenset({"epochs", "ngrams"}),
    libraries=("fasttext-community",),
    alone=True,
    needs_vectors=starts_from_vectors,
    instead={
        "finetune.epochs": "fasttext.epoch",
        "network.lr": "fasttext.lr",
        "pretrain.dim": "fasttext.dim",
        "pretrain.epoch": "fasttext.epoch",
        "pretrain.lr": "fasttext.lr",
    },
    called=("supervised",),
    words={name: name for name in ("dim", "epoch", "lr")} | {"learning-rate": "lr"},
)
