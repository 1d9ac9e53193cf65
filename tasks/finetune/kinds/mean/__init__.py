"""A linear layer on the average of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind
from tasks.finetune.networks.settings import INSTEAD, NETWORK, NetworkSettings, reads_unlabelled

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.mean.train import train_mean  # heavy libraries

    return train_mean(job, epochs_before)


KIND = Kind(
    "mean",
    reads="words",
    train=_train,
    sections={NETWORK: NetworkSettings},
    trained_with=("torch",),
    shared=frozenset({"epochs", "patience", "class_weights"}),
    libraries=("torch",),
    reads_unlabelled=reads_unlabelled,
    instead=INSTEAD,
)
