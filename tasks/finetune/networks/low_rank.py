"""A low-rank update of a frozen embedding (Hu et al. 2021, "LoRA"): the rows read are W + A B, and only A and B are trained.

Shapes: V vocabulary rows, D dimensions, R the rank.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from tasks.errors import RequestError
from tasks.model.reader import PAD

if TYPE_CHECKING:
    from tasks.finetune.loop import Training


class LowRankEmbedding(nn.Embedding):
    """An embedding whose `weight` W [V, D] rests, with an update of `rows` A [V, R] times `columns` B [R, D].

    A starts at zero, so that training starts from W. B's entries have variance 1 / R: a row of the sum then moves about as far
    in a step of Adam as a row of W would at the same learning rate. A's gradient is sparse: a step costs what a batch touches.
    """

    def __init__(self, embedding: nn.Embedding, rank: int) -> None:
        num_rows, dim = embedding.weight.shape
        if rank >= dim:
            raise RequestError(
                f"finetune.network.embedding_rank {rank} is not below the {dim} dimensions of the vectors; "
                "lower it, or set finetune.network.embedding full"
            )
        super().__init__(num_rows, dim, padding_idx=PAD, _weight=embedding.weight.detach(), _freeze=True)
        self.rows = nn.Parameter(torch.zeros(num_rows, rank))
        self.columns = nn.Parameter(torch.randn(rank, dim) / math.sqrt(rank))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Rows [..., D] of W + A B."""
        rows = functional.embedding(tokens, self.rows, PAD, sparse=True)
        return super().forward(tokens) + rows @ self.columns

    def merged(self) -> nn.Embedding:
        """A plain embedding of the sum."""
        sum_VD = torch.addmm(self.weight, self.rows, self.columns).detach()
        return nn.Embedding.from_pretrained(sum_VD, padding_idx=PAD)


def merge_low_rank(training: Training) -> None:
    """Make the embedding of the model and of its best weights a plain matrix, if it is a low-rank update of one."""
    model = training.view.model
    embedding = getattr(model, "embedding", None)
    if isinstance(embedding, LowRankEmbedding):
        model.embedding = embedding.merged()
        training.best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
