"""The shares of words in what a network says, by integrated gradients (Sundararajan, Taly & Yan 2017).

The words' vectors grow from nothing to what they are; a word's share is what the network answers to the growth of its vector,
added up on the way. The sum of the shares is nearly what all vectors change; the rest is the remainder.

Shapes: N documents, T tokens of them one after another, B documents of a batch, L tokens of the longest of those, D dimensions,
C classes, U unseen words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from .padding import by_length, ragged
from .shares import Shares

if TYPE_CHECKING:
    from .reader import Reader
    from .word_view import WordView

STEPS = 32  # on the way, at the nodes of Gauss and Legendre
BATCH, BATCH_TOKENS = 64, 8192  # documents at a time, and at most as many tokens, padding included


@dataclass(frozen=True)
class GradientSplit:
    """What a network of members says of documents; `ids_T`, `offsets` and `unseen_UD` are what it reads of them."""

    view: WordView
    ids_T: np.ndarray  # noqa: N815
    offsets: np.ndarray
    unseen_UD: np.ndarray | None  # noqa: N815

    @cached_property
    def logits(self) -> np.ndarray:
        """Logits of the documents, float32 [N, C]."""
        return self.view.logits(self.ids_T, self.offsets, self.unseen_UD)

    def toward(self, toward_NC: np.ndarray) -> Shares:
        """The shares of each document's logits times its row of `toward_NC`; words that are not read have none."""
        self.view.model.eval().requires_grad_(False)
        words_T, alone_N = np.zeros(len(self.ids_T)), np.zeros(len(toward_NC))
        total_N = (self.logits * toward_NC).sum(1)
        lengths_N = self.view.lengths(self.offsets)
        size = max(1, min(BATCH, BATCH_TOKENS // max(int(lengths_N.max(initial=1)), 1)))
        for rows_B in by_length(lengths_N, size):
            tokens_BL, unseen_UD = self.view.inputs(self.ids_T, self.offsets, rows_B, self.unseen_UD)
            assert tokens_BL is not None
            toward_BC = torch.from_numpy(toward_NC[rows_B].astype(np.float32)).to(tokens_BL.device)
            found = [_integrated(member, tokens_BL, unseen_UD, toward_BC) for member in self.view.members]
            share_BL = np.mean([share_BL for share_BL, _ in found], axis=0)
            at, lengths_B = ragged(self.offsets, rows_B, self.view.max_len, self.view.truncate)
            words_T[at] = share_BL[np.arange(share_BL.shape[1]) < lengths_B[:, None]]
            alone_N[rows_B] = np.mean([alone_B for _, alone_B in found], axis=0)
        document_T = np.repeat(np.arange(len(toward_NC)), np.diff(self.offsets))
        shared_N = np.bincount(document_T, weights=words_T, minlength=len(toward_NC))
        return Shares(words_T, alone_N, total_N - alone_N - shared_N)


def _integrated(
    member: Reader, tokens_BL: torch.Tensor, unseen_UD: torch.Tensor | None, toward_BC: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the words [B, L], and what a member says of as many words without a vector [B]; float64."""
    with torch.no_grad():
        vectors_BLD = member.embed(tokens_BL, unseen_UD)
        alone_B = (member(tokens_BL, unseen_UD, -vectors_BLD) * toward_BC).sum(1)
    gradient_BLD = torch.zeros_like(vectors_BLD)
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    for share, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        shift_BLD = ((share - 1) * vectors_BLD).requires_grad_()
        said = (member(tokens_BL, unseen_UD, shift_BLD) * toward_BC).sum()
        gradient_BLD += weight * torch.autograd.grad(said, shift_BLD)[0]
    return (gradient_BLD * vectors_BLD).sum(-1).double().cpu().numpy(), alone_B.double().cpu().numpy()
