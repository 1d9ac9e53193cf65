"""The view `mean`: a linear layer on the average of the embeddings.

Shapes: B documents, L tokens, D dimensions, C classes, U unseen words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reader import PAD, Reader
from ..word_view import ServedWords, open_words

if TYPE_CHECKING:
    import torch

    from ..classifier import ModelFolder


class Mean(Reader):
    """A linear layer on the average of the embeddings."""

    def __init__(
        self, matrix_VD: torch.Tensor, num_classes: int, *, dropout: float = 0.0, embedding_dropout: float = 0.0
    ) -> None:
        super().__init__(matrix_VD, matrix_VD.shape[1], num_classes, dropout=dropout, embedding_dropout=embedding_dropout)

    def forward(
        self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None, shift_BLD: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits [B, C]."""
        tokens_BL = self.drop_tokens(tokens_BL)
        num_tokens_B1 = (tokens_BL != PAD).sum(1, keepdim=True).clamp(min=1)
        return self.last(self.dropout(self.embed(tokens_BL, unseen_UD, shift_BLD).sum(1) / num_tokens_B1))


def open_view(source: ModelFolder, name: str) -> ServedWords:
    """The view as it is served."""
    return open_words(source, name, lambda matrix_VD, shape: Mean(matrix_VD, source.num_classes))
