"""The view `bilstm`: a bidirectional LSTM, maximum and mean over its states.

Shapes: B documents, L tokens, D dimensions, H units of both directions, C classes, U unseen words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..reader import PAD, Reader
from ..word_view import ServedWords, open_words

if TYPE_CHECKING:
    from ..classifier import ModelFolder


class BiLSTM(Reader):
    """A bidirectional LSTM; maximum and mean over its states."""

    def __init__(
        self, matrix_VD: torch.Tensor, num_classes: int, *, hidden: int, dropout: float = 0.0, embedding_dropout: float = 0.0
    ) -> None:
        super().__init__(matrix_VD, 4 * hidden, num_classes, dropout=dropout, embedding_dropout=embedding_dropout)
        self.lstm = nn.LSTM(matrix_VD.shape[1], hidden, bidirectional=True, batch_first=True)

    def forward(
        self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None, shift_BLD: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits [B, C]."""
        # An empty document is read as one padding token: a packed sequence cannot be empty.
        lengths_B = (tokens_BL != PAD).sum(1).clamp(min=1)
        tokens_BL = functional.pad(self.drop_tokens(tokens_BL), (0, max(1 - tokens_BL.shape[1], 0)), value=PAD)
        embedded_BLD = self.embed(tokens_BL, unseen_UD, shift_BLD)
        packed = pack_padded_sequence(embedded_BLD, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        states_BLH, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        beyond_BL1 = (torch.arange(states_BLH.shape[1], device=lengths_B.device) >= lengths_B[:, None])[..., None]
        largest_BH = states_BLH.masked_fill(beyond_BL1, -torch.inf).amax(1)
        return self.last(self.dropout(torch.cat([largest_BH, states_BLH.sum(1) / lengths_B[:, None]], 1)))


def open_view(source: ModelFolder, name: str) -> ServedWords:
    """The view as it is served."""
    return open_words(source, name, lambda matrix_VD, shape: BiLSTM(matrix_VD, source.num_classes, hidden=shape["hidden"]))
