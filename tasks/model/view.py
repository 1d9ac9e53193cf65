"""One trained view of a document: a model, what it reads, and how its inputs are laid out.

Shapes: N documents, T ids, B documents of a batch, L tokens of the longest of those, U unseen words, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .batches import bucketed, by_length, flat_batch, padded_batch, shuffled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

NGRAM_VIEWS = frozenset({"bag", "tfidf", "ca"})
READ_BATCH = 256  # documents at a time where nothing is trained
READ_TOKENS = 65_536  # and at most this many tokens, padding included


@dataclass(frozen=True)
class View:
    """`bag`, `tfidf` and `ca` read sets of n-grams, every other view reads words in order, at most `max_len` from one side.

    While it is trained, its model is one of the view's members, counted from 0.
    """

    name: str
    model: nn.Module
    max_len: int
    truncate: str
    member: int = 0

    @property
    def member_name(self) -> str:
        """What tensors, files and messages of this member are named by."""
        return member_name(self.name, self.member)

    @property
    def reads_words(self) -> bool:
        """Whether its ids are rows of the vocabulary (else n-grams)."""
        return self.name not in NGRAM_VIEWS

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def inputs(
        self, ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, unseen_UD: torch.Tensor | None = None
    ) -> tuple[torch.Tensor | None, ...]:
        """The model's arguments for those documents."""
        device = self.device
        if not self.reads_words:
            ngrams_T, ends = flat_batch(ids, offsets, rows_B)
            return ngrams_T.to(device), ends.to(device)
        tokens_BL = padded_batch(ids, offsets, rows_B, max_len=self.max_len, side=self.truncate)
        return tokens_BL.to(device), None if unseen_UD is None else unseen_UD.to(device)

    def lengths(self, offsets: np.ndarray) -> np.ndarray:
        """How many ids of each document the model reads; int64 [N]."""
        lengths_N = np.diff(offsets)
        return np.minimum(lengths_N, self.max_len) if self.reads_words else lengths_N

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch."""
        if self.reads_words:
            return bucketed(self.lengths(offsets), batch_size, order)
        return shuffled(len(offsets) - 1, batch_size, order)

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: torch.Tensor | None = None) -> np.ndarray:
        """Logits of all documents, float32 [N, C]; nothing is trained."""
        self.model.eval()
        lengths_N = self.lengths(offsets)
        longest = int(lengths_N.max(initial=1))
        size = max(1, min(READ_BATCH, READ_TOKENS // max(longest, 1))) if self.reads_words else READ_BATCH
        batches = by_length(lengths_N, size) if self.reads_words else _in_order(len(lengths_N), size)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        with torch.inference_mode():
            for rows_B in batches:
                logits_BC = self.model(*self.inputs(ids, offsets, rows_B, unseen_UD))
                found.append((rows_B, logits_BC.float().cpu().numpy()))
        num_classes = found[0][1].shape[1] if found else 0
        logits_NC = np.zeros((len(lengths_N), num_classes), np.float32)
        for rows_B, part in found:
            logits_NC[rows_B] = part
        return logits_NC


def member_name(view: str, member: int) -> str:
    """`cnn` for the first member of the view `cnn`, `cnn#2` for the second."""
    return view if member == 0 else f"{view}#{member + 1}"


def _in_order(num_documents: int, size: int) -> Iterator[np.ndarray]:
    for start in range(0, num_documents, size):
        yield np.arange(start, min(start + size, num_documents))
