"""Logistic regression in the space of correspondence analysis, which unlabelled text has a say in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind
from tasks.finetune.kinds.ca.settings import CaSettings

if TYPE_CHECKING:
    from tasks.finetune.counted import Counted
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.ca.train import train_ca  # heavy libraries

    return train_ca(job)


def _counts(config: SharedSettings) -> Counted:
    from tasks.finetune.kinds.ca.train import counted

    return counted(config)


KIND = Kind(
    "ca",
    reads="ngrams",
    train=_train,
    sections={"ca": CaSettings},
    trained_with=("torch", "scipy"),
    beside=True,
    counts=_counts,
    shared=frozenset({"class_weights", "ngrams"}),
    reads_unlabelled=lambda config: True,
    instead={"pretrain.dim": "ca.dim"},
)
