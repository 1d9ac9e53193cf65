"""A linear layer on the average of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.networks.kind import network_kind

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.mean.train import train_mean  # heavy libraries

    return train_mean(job, epochs_before)


KIND = network_kind("mean", _train)
