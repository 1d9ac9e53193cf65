"""The networks as tests make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.bilstm.train import network as bilstm
from tasks.finetune.kinds.cnn.train import network as cnn
from tasks.finetune.kinds.mean.train import network as mean
from tasks.finetune.settings import FinetuneConfig

if TYPE_CHECKING:
    import torch

    from tasks.model.reader import Reader

NETWORKS = {"mean": mean, "cnn": cnn, "bilstm": bilstm}


def build(kind: str, matrix_VD: torch.Tensor, widths: tuple[int, ...] = (3, 4, 5), **rates: float) -> Reader:
    """A small network of that kind for three classes."""
    config = FinetuneConfig(model=kind, cnn={"filters": 5, "widths": widths}, bilstm={"hidden": 5})
    return NETWORKS[kind](config).build(matrix_VD, 3, False, {"dropout": 0.0, "embedding_dropout": 0.0} | rates)
