"""Train `bilstm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.bilstm.settings import BilstmSettings
from tasks.finetune.networks.network import Network
from tasks.finetune.networks.train import train_network
from tasks.model.views.bilstm import BiLSTM

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import FinetuneConfig


def train_bilstm(job: Job, epochs_before: int) -> list[Trained]:
    """Train its members."""
    return train_network(job, network(job.config), epochs_before)


def network(config: FinetuneConfig) -> Network:
    """The network as it is configured."""
    hidden = config.settings(BilstmSettings).hidden

    def build(matrix_VD: torch.Tensor, num_classes: int, bfloat16: bool, rates: Mapping[str, float]) -> BiLSTM:
        return BiLSTM(matrix_VD, num_classes, hidden=hidden, **rates)

    return Network("bilstm", 1e-3, build, {"hidden": hidden})
