"""A linear model over the set of a document's n-grams, started at Naive Bayes' weights.

Shapes: B documents of a batch, T n-grams of them one after another, K n-grams of the vocabulary, C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from tasks.finetune.documents import shuffled
from tasks.model.padding import ragged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Chosen on the validation rows of IMDB (long documents, two even classes) and Financial PhraseBank (sentences, three uneven
# ones): with the sum divided by the root of the document's n-grams one recipe serves both.
START = 0.4
SMOOTHING = 1.0


READ_BATCH = 256  # documents at a time where nothing is trained


class Bag(nn.Module):
    """Sum of the n-grams' weights over the root of their number, and a bias: fastText's classifier without its bottleneck."""

    def __init__(self, num_ngrams: int, num_classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        # One row is kept for a vocabulary without any n-gram; nothing ever reads it.
        start_KC = torch.zeros(max(num_ngrams, 1), num_classes)
        self.weights = nn.EmbeddingBag.from_pretrained(
            start_KC, freeze=False, mode="sum", sparse=True, include_last_offset=True
        )
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.dropout = dropout

    def forward(self, ngrams_T: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Logits [B, C] of documents that begin at `offsets` [B + 1]."""
        if self.training and self.dropout:
            kept_T = torch.rand(len(ngrams_T), device=ngrams_T.device) >= self.dropout
            ngrams_T = ngrams_T[kept_T]
            offsets = torch.cat([offsets.new_zeros(1), kept_T.cumsum(0)])[offsets]
        root_B1 = offsets.diff().clamp(min=1).to(self.bias.dtype).sqrt()[:, None]
        return self.weights(ngrams_T, offsets) / root_B1 + self.bias


def naive_bayes(
    batches: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], num_ngrams: int, num_classes: int
) -> torch.Tensor:
    """Log-count ratios of each n-gram, each class against the others together; float32 [K, C] (Wang & Manning 2012).

    `batches` gives (ngrams_T, offsets, labels_B) of all train documents; each n-gram occurs once in a document.
    """
    counts_KC = np.zeros((num_ngrams, num_classes))
    for ngrams_T, offsets, labels_B in batches:
        labels_T = np.repeat(labels_B, np.diff(offsets))
        # A float to add: np.add.at takes ten times as long where it has to convert.
        np.add.at(counts_KC.reshape(-1), ngrams_T.astype(np.int64) * num_classes + labels_T, 1.0)
    totals_K1 = counts_KC.sum(1, keepdims=True)
    inside_KC = counts_KC + SMOOTHING
    outside_KC = totals_K1 - counts_KC + SMOOTHING * max(num_classes - 1, 1)
    ratio_KC = np.log(inside_KC / inside_KC.sum(0)) - np.log(outside_KC / outside_KC.sum(0))
    return torch.from_numpy(ratio_KC.astype(np.float32))


def start_from(bag: Bag, ratio_KC: torch.Tensor) -> None:
    """Set the bag's weights to Naive Bayes', scaled down."""
    with torch.no_grad():
        bag.weights.weight[: len(ratio_KC)] = START * ratio_KC


def batch_size(num_documents: int) -> int:
    """Documents a step: about 150 steps an epoch, so that a small corpus gets updates enough; 8 at least, 128 at most."""
    return min(max(8, 2 ** round(math.log2(max(num_documents, 1) / 150))), 128)


@dataclass(frozen=True)
class BagView:
    """The bag as the training loop sees it; its documents are sets of n-grams."""

    model: Bag
    name: str = "bag"
    member: int = 0

    @property
    def member_name(self) -> str:
        """What its tensors, files and messages are named by; it has one member."""
        return self.name

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.bias.device

    def inputs(
        self, ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, unseen_UD: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids of those documents one after another (int64 [T]), and where each begins [B + 1]."""
        positions, lengths_B = ragged(offsets, rows_B)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths_B, dtype=np.int64)])
        ngrams_T = torch.from_numpy(ids[positions].astype(np.int64))
        return ngrams_T.to(self.device), torch.from_numpy(ends).to(self.device)

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch."""
        return shuffled(len(offsets) - 1, batch_size, order)

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: np.ndarray | None = None) -> np.ndarray:
        """Logits of all documents, float32 [N, C]; nothing is trained."""
        self.model.eval()
        rows_N = np.arange(len(offsets) - 1)
        parts = [np.zeros((0, len(self.model.bias)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(rows_N), READ_BATCH):
                logits_BC = self.model(*self.inputs(ids, offsets, rows_N[start : start + READ_BATCH]))
                parts.append(logits_BC.float().cpu().numpy())
        return np.concatenate(parts)
