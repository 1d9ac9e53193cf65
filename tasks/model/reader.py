"""What the networks that read words share: the embedding, dropout of whole tokens, the last layer, and the mean of members.

Shapes: B documents, L tokens, D dimensions, C classes, U unseen words.
Row 0 is padding and always zero. A token id >= V names row id - V of `unseen_UD`, vectors made for words outside the
vocabulary. `shift_BLD` moves the words read, all but padding: adversarial training gives one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

PAD = 0


class Reader(nn.Module):
    """What the neural models share: the embedding matrix, dropout of whole tokens, the last layer."""

    def __init__(
        self, matrix_VD: torch.Tensor, num_features: int, num_classes: int, *, dropout: float, embedding_dropout: float
    ) -> None:
        super().__init__()
        # from_pretrained shares memory with the matrix; training must not write into the caller's (it may be a memory map).
        self.embedding = nn.Embedding.from_pretrained(matrix_VD.clone(), freeze=False, padding_idx=PAD, sparse=True)
        self.last = nn.Linear(num_features, num_classes)
        self.dropout = nn.Dropout(dropout)
        self.embedding_dropout = embedding_dropout

    def drop_tokens(self, tokens_BL: torch.Tensor) -> torch.Tensor:
        """Read a share of the tokens as padding, while training (Iyyer et al. 2015, word dropout)."""
        if not (self.training and self.embedding_dropout):
            return tokens_BL
        return tokens_BL.masked_fill(torch.rand(tokens_BL.shape, device=tokens_BL.device) < self.embedding_dropout, PAD)

    def embed(
        self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None, shift_BLD: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Vectors [B, L, D] of token ids; `shift_BLD` may be of fewer tokens, the others are not moved then."""
        if unseen_UD is None or not len(unseen_UD):
            vectors_BLD = self.embedding(tokens_BL)
        else:
            unseen_BL = tokens_BL >= self.embedding.num_embeddings
            vectors_BLD = self.embedding(tokens_BL.masked_fill(unseen_BL, PAD))
            vectors_BLD[unseen_BL] = unseen_UD[tokens_BL[unseen_BL] - self.embedding.num_embeddings].to(vectors_BLD.dtype)
        return vectors_BLD if shift_BLD is None else vectors_BLD + of_words(shift_BLD, tokens_BL)


def of_words(shift_BLD: torch.Tensor, tokens_BL: torch.Tensor) -> torch.Tensor:
    """The shift as long as `tokens_BL`, with nothing where those are padding."""
    missing = tokens_BL.shape[1] - shift_BLD.shape[1]
    return functional.pad(shift_BLD, (0, 0, 0, missing)).masked_fill((tokens_BL == PAD)[..., None], 0.0)


class Ensemble(nn.Module):
    """The mean of its members' logits (Hansen & Salamon 1990; Lakshminarayanan et al. 2017)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, *inputs: torch.Tensor | None) -> torch.Tensor:
        """Logits [B, C] of whatever the members read."""
        return torch.stack([member(*inputs) for member in self.members]).mean(0)
