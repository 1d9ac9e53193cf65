"""The neural models: padded token ids in, logits out, for documents of any length, empty ones too.

Shapes: B documents of a batch, L tokens of the longest, V vocabulary rows, D dimensions, F filters, C classes, U unseen words.
Row 0 is padding and always zero. A token id >= V names row id - V of `unseen_UD`, vectors made for words outside the
vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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

    def embed(self, tokens: torch.Tensor, unseen_UD: torch.Tensor | None) -> torch.Tensor:
        """Vectors [..., D] of token ids [...]."""
        if unseen_UD is None or not len(unseen_UD):
            return self.embedding(tokens)
        unseen = tokens >= self.embedding.num_embeddings
        vectors = self.embedding(tokens.masked_fill(unseen, PAD))
        vectors[unseen] = unseen_UD[tokens[unseen] - self.embedding.num_embeddings].to(vectors.dtype)
        return vectors


class Mean(Reader):
    """A linear layer on the average of the embeddings."""

    def __init__(
        self, matrix_VD: torch.Tensor, num_classes: int, *, dropout: float = 0.0, embedding_dropout: float = 0.0
    ) -> None:
        super().__init__(matrix_VD, matrix_VD.shape[1], num_classes, dropout=dropout, embedding_dropout=embedding_dropout)

    def forward(self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None) -> torch.Tensor:
        """Logits [B, C]."""
        tokens_BL = self.drop_tokens(tokens_BL)
        num_tokens_B1 = (tokens_BL != PAD).sum(1, keepdim=True).clamp(min=1)
        return self.last(self.dropout(self.embed(tokens_BL, unseen_UD).sum(1) / num_tokens_B1))


class TextCNN(Reader):
    """Filters over windows of words, the strongest window of each kept (Kim 2014).

    Only that window has a gradient. So the windows are found without recording anything, and the one kept is computed again
    for the gradient: the same result and the same gradient at about a third of the cost.
    """

    def __init__(
        self,
        matrix_VD: torch.Tensor,
        num_classes: int,
        *,
        num_filters: int,
        widths: Sequence[int],
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
    ) -> None:
        num_features, dim = num_filters * len(widths), matrix_VD.shape[1]
        super().__init__(matrix_VD, num_features, num_classes, dropout=dropout, embedding_dropout=embedding_dropout)
        self.widths = tuple(widths)
        self.filters = nn.ModuleList(nn.Linear(width * dim, num_filters) for width in widths)

    def forward(self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None) -> torch.Tensor:
        """Logits [B, C]."""
        lengths_B = (tokens_BL != PAD).sum(1)
        missing = max(self.widths) - tokens_BL.shape[1]
        tokens_BL = functional.pad(self.drop_tokens(tokens_BL), (0, max(missing, 0)), value=PAD)
        with torch.no_grad():
            embedded_BLD = self.embed(tokens_BL, unseen_UD)
        pooled = []
        for width, layer in zip(self.widths, self.filters, strict=True):
            assert isinstance(layer, nn.Linear)
            strongest_BF, start_BF = self._strongest(embedded_BLD, lengths_B, layer, width)
            if torch.is_grad_enabled():
                strongest_BF = self._again(tokens_BL, unseen_UD, start_BF, layer, width)
            pooled.append(functional.relu(strongest_BF + layer.bias))
        return self.last(self.dropout(torch.cat(pooled, 1)))

    @staticmethod
    @torch.no_grad()
    def _strongest(
        embedded_BLD: torch.Tensor, lengths_B: torch.Tensor, layer: nn.Linear, width: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Each filter's largest response and the start of its window; [B, F] both. A short document has one window."""
        # One matrix product a position of the window. A convolution of oneDNN would be as fast, but it keeps a plan for every
        # length of a batch that it has met, in all more than 1 GB.
        filters_FWD = layer.weight.unflatten(1, (width, -1))
        num_starts = embedded_BLD.shape[1] - width + 1
        response_BLF = embedded_BLD[:, :num_starts] @ filters_FWD[:, 0].T
        for at in range(1, width):
            response_BLF += embedded_BLD[:, at : at + num_starts] @ filters_FWD[:, at].T
        last_start_B1 = (lengths_B - width).clamp(min=0)[:, None]
        beyond_BL = torch.arange(num_starts, device=lengths_B.device) > last_start_B1
        strongest = response_BLF.masked_fill_(beyond_BL[..., None], -torch.inf).max(1)
        return strongest.values, strongest.indices

    def _again(
        self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None, start_BF: torch.Tensor, layer: nn.Linear, width: int
    ) -> torch.Tensor:
        """The responses [B, F] of the filters to those windows, with gradients."""
        positions_BFW = start_BF[..., None] + torch.arange(width, device=start_BF.device)
        window_BFW = tokens_BL.gather(1, positions_BFW.flatten(1)).view_as(positions_BFW)
        return (self.embed(window_BFW, unseen_UD).flatten(2) * layer.weight).sum(2)


class BiLSTM(Reader):
    """A bidirectional LSTM; maximum and mean over its states."""

    def __init__(
        self, matrix_VD: torch.Tensor, num_classes: int, *, hidden: int, dropout: float = 0.0, embedding_dropout: float = 0.0
    ) -> None:
        super().__init__(matrix_VD, 4 * hidden, num_classes, dropout=dropout, embedding_dropout=embedding_dropout)
        self.lstm = nn.LSTM(matrix_VD.shape[1], hidden, bidirectional=True, batch_first=True)

    def forward(self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None) -> torch.Tensor:
        """Logits [B, C]."""
        # An empty document is read as one padding token: a packed sequence cannot be empty.
        lengths_B = (tokens_BL != PAD).sum(1).clamp(min=1)
        tokens_BL = functional.pad(self.drop_tokens(tokens_BL), (0, max(1 - tokens_BL.shape[1], 0)), value=PAD)
        packed = pack_padded_sequence(self.embed(tokens_BL, unseen_UD), lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        states_BLH, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        beyond_BL1 = (torch.arange(states_BLH.shape[1], device=lengths_B.device) >= lengths_B[:, None])[..., None]
        largest_BH = states_BLH.masked_fill(beyond_BL1, -torch.inf).amax(1)
        return self.last(self.dropout(torch.cat([largest_BH, states_BLH.sum(1) / lengths_B[:, None]], 1)))


def build_model(
    kind: str,
    matrix_VD: torch.Tensor,
    num_classes: int,
    *,
    hidden: int,
    widths: Sequence[int],
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> Reader:
    """The model named `mean`, `cnn` or `bilstm`, its embedding a copy of the matrix, the rest from torch's random numbers."""
    rates = {"dropout": dropout, "embedding_dropout": embedding_dropout}
    if kind == "mean":
        return Mean(matrix_VD, num_classes, **rates)
    if kind == "cnn":
        return TextCNN(matrix_VD, num_classes, num_filters=hidden, widths=widths, **rates)
    if kind == "bilstm":
        return BiLSTM(matrix_VD, num_classes, hidden=hidden, **rates)
    raise ValueError(f"no neural model is named {kind!r}")
