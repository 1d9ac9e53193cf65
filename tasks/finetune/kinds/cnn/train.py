"""Train `cnn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.cnn.settings import CnnSettings
from tasks.finetune.networks.network import Network
from tasks.finetune.networks.train import train_network
from tasks.model.views.cnn import TextCNN

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import FinetuneConfig


def train_cnn(job: Job, epochs_before: int) -> list[Trained]:
    """Train its members."""
    return train_network(job, network(job.config), epochs_before)


def network(config: FinetuneConfig) -> Network:
    """The network as it is configured."""
    settings = config.settings(CnnSettings)

    def build(matrix_VD: torch.Tensor, num_classes: int, bfloat16: bool, rates: Mapping[str, float]) -> TextCNN:
        return TextCNN(
            matrix_VD,
            num_classes,
            num_filters=settings.filters,
            widths=settings.widths,
            dropout=rates["dropout"],
            embedding_dropout=rates["embedding_dropout"],
            mixed_precision=bfloat16,
        )

    shape = {"filters": settings.filters, "widths": list(settings.widths)}
    return Network("cnn", 1e-3, build, shape, bfloat16_on_processor=True)
