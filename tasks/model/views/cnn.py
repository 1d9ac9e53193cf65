"""The view `cnn`: TextCNN, filters over windows of words, the strongest window of each kept (Kim 2014).

Shapes: B documents, L tokens, D dimensions, T positions of the batch, F filters of one width W, E = W * D numbers of a window,
P places of filters, K words in the windows kept, R distinct ones, C classes, U unseen words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from ..reader import PAD, Reader, of_words
from ..word_view import ServedWords, open_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..classifier import ModelFolder

BLOCK = 1024  # windows multiplied at a time


class TextCNN(Reader):
    """Filters over windows of words, the strongest window of each kept (Kim 2014).

    With `mixed_precision`, training looks for that window in bfloat16; where that is faster.
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
        mixed_precision: bool = False,
    ) -> None:
        num_features, dim = num_filters * len(widths), matrix_VD.shape[1]
        super().__init__(matrix_VD, num_features, num_classes, dropout=dropout, embedding_dropout=embedding_dropout)
        self.widths = tuple(widths)
        self.filters = nn.ModuleList(nn.Linear(width * dim, num_filters) for width in widths)
        self.training_dtype = torch.bfloat16 if mixed_precision else torch.float32

    def forward(
        self, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None = None, shift_BLD: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits [B, C]."""
        lengths_B = (tokens_BL != PAD).sum(1)
        missing = max(self.widths) - tokens_BL.shape[1]
        tokens_BL = functional.pad(self.drop_tokens(tokens_BL), (0, max(missing, 0)), value=PAD)
        # A matrix that is trained gets its gradient straight from the windows, not through the words read here.
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.embedding.weight.requires_grad):
            embedded_BLD = self.embed(tokens_BL, unseen_UD)
        if shift_BLD is not None:
            embedded_BLD = embedded_BLD + of_words(shift_BLD, tokens_BL)
        dtype = self.training_dtype if self.training else torch.float32
        weights, biases = zip(*((layer.weight, layer.bias) for layer in self.filters), strict=True)
        strongest_BF = StrongestWindows.apply(self.embedding.weight, tokens_BL, embedded_BLD, lengths_B, dtype, *weights)
        return self.last(self.dropout(functional.relu(strongest_BF + torch.cat(biases))))


class StrongestWindows(torch.autograd.Function):
    """Each filter's largest response in each document [B, F], filters of all widths side by side.

    Only the windows kept have a gradient, a few hundred of the tens of thousands that were looked at, so it is written out
    here: autograd would copy every kept window's vectors and their gradients, a copy for each filter. All of it is sums of
    rows times a number, which `embedding_bag` adds up without copies.
    """

    @staticmethod
    def forward(
        ctx: Any,
        matrix_VD: torch.Tensor,
        tokens_BL: torch.Tensor,
        embedded_BLD: torch.Tensor,
        lengths_B: torch.Tensor,
        dtype: torch.dtype,
        *filters: torch.Tensor,
    ) -> torch.Tensor:
        """`embedded_BLD` is what `tokens_BL` reads; `filters` are [F, W * D] each; a short document has one window."""
        rows_TD = embedded_BLD.flatten(0, 1).to(dtype)
        found = [_strongest(rows_TD, embedded_BLD.shape[1], lengths_B, filter_FE) for filter_FE in filters]
        ctx.save_for_backward(tokens_BL, embedded_BLD, *(start_BF for _, start_BF in found), *filters)
        ctx.num_rows = len(matrix_VD)
        return torch.cat([response_BF for response_BF, _ in found], 1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Of the matrix a sparse gradient, rows ascending and each once; of the words read and the filters dense ones."""
        tokens_BL, embedded_BLD, *rest = ctx.saved_tensors
        starts, filters = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        kept = [
            _kept(start_BF, gradient_BF, embedded_BLD.shape[1], filter_FE.shape[1] // embedded_BLD.shape[2])
            for start_BF, gradient_BF, filter_FE in zip(
                starts, gradients[0].split([len(filter_FE) for filter_FE in filters], 1), filters, strict=True
            )
        ]
        rows_TD = embedded_BLD.flatten(0, 1)
        of_filters = [
            functional.embedding_bag(at_PB, rows_TD, per_sample_weights=share_PB, mode="sum").view_as(filter_FE)
            for (at_PB, share_PB), filter_FE in zip(kept, filters, strict=True)
        ]
        of_matrix = _matrix_gradient(ctx.num_rows, tokens_BL, kept, filters) if ctx.needs_input_grad[0] else None
        of_words = _words_gradient(embedded_BLD, kept, filters) if ctx.needs_input_grad[2] else None
        return (of_matrix, None, of_words, None, None, *of_filters)


def _strongest(
    rows_TD: torch.Tensor, length: int, lengths_B: torch.Tensor, filter_FE: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest response, float32, and start of its window, [B, F] both; `rows_TD` are documents padded to `length`."""
    num_rows, dim = rows_TD.shape
    width, dtype = filter_FE.shape[1] // dim, rows_TD.dtype
    # oneDNN, which multiplies bfloat16, keeps a plan for every number of rows that it has met: let it meet one.
    missing = -num_rows % BLOCK if dtype == torch.bfloat16 else 0
    windows_TE = functional.pad(rows_TD, (0, 0, 0, missing + width - 1)).flatten().unfold(0, width * dim, dim)
    weight_EF = filter_FE.to(dtype).T
    # Block by block, so that the copies of overlapping windows stay in the processor's cache. A window that runs into the
    # next document is computed too and never chosen.
    response_TF = torch.cat([block_TE @ weight_EF for block_TE in windows_TE.split(BLOCK)])
    response_BLF = response_TF[:num_rows].view(-1, length, len(filter_FE))
    last_start_B1 = (lengths_B - width).clamp(min=0)[:, None]
    beyond_BL = torch.arange(length, device=rows_TD.device) > last_start_B1
    strongest = response_BLF.masked_fill_(beyond_BL[..., None], -torch.inf).max(1)
    return strongest.values.float(), strongest.indices


def _kept(start_BF: torch.Tensor, gradient_BF: torch.Tensor, length: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The words each place of the filters was over, as positions of T, and their responses' gradients; [P, B] both."""
    first_BF = start_BF + length * torch.arange(len(start_BF), device=start_BF.device)[:, None]
    at_FWB = first_BF.T[:, None] + torch.arange(width, device=start_BF.device)[:, None]
    share_FWB = gradient_BF.T[:, None].expand_as(at_FWB)
    return at_FWB.flatten(0, 1), share_FWB.flatten(0, 1)


def _matrix_gradient(
    num_rows: int,
    tokens_BL: torch.Tensor,
    kept: Sequence[tuple[torch.Tensor, torch.Tensor]],
    filters: Sequence[torch.Tensor],
) -> torch.Tensor:
    """Sparse gradient [V, D]: to each row the weights that were over it, times their responses' gradients."""
    row_K = tokens_BL.flatten()[torch.cat([at_PB for at_PB, _ in kept]).flatten()]
    rows_R, sums_RD = _sums_by(row_K, (row_K != PAD) & (row_K < num_rows), kept, filters)
    size = (num_rows, sums_RD.shape[1])
    return torch.sparse_coo_tensor(rows_R[None], sums_RD, size, is_coalesced=True, check_invariants=False)


def _words_gradient(
    embedded_BLD: torch.Tensor, kept: Sequence[tuple[torch.Tensor, torch.Tensor]], filters: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Gradient [B, L, D] of the words read, most of it zeros: what a low-rank update or a shift of the words learns from."""
    at_K = torch.cat([at_PB for at_PB, _ in kept]).flatten()
    gradient_TD = torch.zeros_like(embedded_BLD).flatten(0, 1)
    at_R, sums_RD = _sums_by(at_K, at_K < len(gradient_TD), kept, filters)
    return gradient_TD.index_copy_(0, at_R, sums_RD).view_as(embedded_BLD)


def _sums_by(
    key_K: torch.Tensor,
    counted_K: torch.Tensor,
    kept: Sequence[tuple[torch.Tensor, torch.Tensor]],
    filters: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Distinct keys [R] of the words counted, ascending, and for each the sum [R, D] of the weights over it by their shares."""
    dim = filters[0].shape[1] * len(filters[0]) // len(kept[0][0])
    weights_PD = torch.cat([filter_FE.view(-1, dim) for filter_FE in filters])
    share_PB = torch.cat([share_PB for _, share_PB in kept])
    place_K = torch.arange(len(share_PB), device=share_PB.device).repeat_interleave(share_PB.shape[1])
    key_K, order_K = torch.sort(key_K[counted_K], stable=True)
    keys_R, counts_R = torch.unique_consecutive(key_K, return_counts=True)
    sums_RD = functional.embedding_bag(
        place_K[counted_K][order_K],
        weights_PD,
        counts_R.cumsum(0) - counts_R,
        per_sample_weights=share_PB.flatten()[counted_K][order_K],
        mode="sum",
    )
    return keys_R, sums_RD


def open_view(source: ModelFolder, name: str) -> ServedWords:
    """The view as it is served."""
    return open_words(
        source,
        name,
        lambda matrix_VD, shape: TextCNN(matrix_VD, source.num_classes, num_filters=shape["filters"], widths=shape["widths"]),
    )
