"""Train `mean`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.networks.network import Network
from tasks.finetune.networks.train import train_network
from tasks.model.views.mean import Mean

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import FinetuneConfig


def train_mean(job: Job, epochs_before: int) -> list[Trained]:
    """Train its members."""
    return train_network(job, network(job.config), epochs_before)


def network(config: FinetuneConfig) -> Network:
    """The network as it is configured."""
    return Network("mean", 5e-3, lambda matrix_VD, num_classes, _, rates: Mean(matrix_VD, num_classes, **rates))
