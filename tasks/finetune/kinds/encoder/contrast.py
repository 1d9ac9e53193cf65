"""Tune the network on pairs of texts, then fit a head on the vectors that it makes: for a few labelled texts a class.

In go texts, cut once into pieces, and pretrained weights; out come the tuned network as ONNX and a head as a frozen network
has it. Vectors of texts with one label are drawn together, those of texts with two apart: the squared error of their cosine
from 1 and 0 (Tunstall et al. 2022, "Efficient few-shot learning without prompts", arXiv 2209.11055). After each epoch a head
is fitted on the train rows' vectors, and the epoch whose head is best on the validation rows is kept. Descriptions and examples
of the labels, if there are any, are drawn in pairs like the rows, and the head starts from them.

Shapes: N texts, B texts of a batch, which are B / 2 pairs, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from tasks.embed.similarity import described_head, numbered
from tasks.finetune.kinds.encoder.head import described_texts, fit_head
from tasks.finetune.kinds.encoder.pairs import drawn_pairs, reads_of_a_text
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.kinds.encoder.tune import PooledNetwork, TunedStart, TunedView, joined, train_from
from tasks.finetune.loop import num_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from tasks.finetune.documents import Documents
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.kinds.encoder.head import Head
    from tasks.finetune.loop import Recipe, Training


def cosine_loss(vectors_BD: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
    """The mean squared error of the pairs' cosines from 1 for one label, 0 for two; the texts of a pair are side by side."""
    alike_P = (labels_B[0::2] == labels_B[1::2]).to(vectors_BD.dtype)
    return functional.mse_loss(functional.cosine_similarity(vectors_BD[0::2], vectors_BD[1::2]), alike_P)


@dataclass(frozen=True, kw_only=True)
class PairsView(TunedView):
    """A network that is trained on pairs of texts, and judged by a head on their vectors; `job` says how.

    `read` are the train rows, and behind the first `num_rows` of them what describes the labels.
    """

    job: Job
    read: Documents
    num_rows: int

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch, the texts of a pair side by side."""
        pairs = self.job.config.settings(EncoderSettings).pairs
        return drawn_pairs(self.read.labels, pairs, batch_size, order)

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: np.ndarray | None = None) -> np.ndarray:
        """Logits of all texts by a head that is fitted on the train rows' vectors, float32 [N, C]."""
        weights_DC, bias_C = self.head()
        logits_NC: np.ndarray = self.answers(ids, offsets) @ weights_DC + bias_C
        return logits_NC

    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights [D, C] and bias [C] of the head on the train rows' vectors as they are now."""
        vectors_ND, rows = self.answers(self.read.ids, self.read.offsets), slice(self.num_rows)
        prior = None
        if self.num_rows < len(self.read):
            prior = described_head(vectors_ND[self.num_rows :], self.read.labels[self.num_rows :])
        return fit_head(self.job, vectors_ND[rows], self.read.labels[rows], prior)


class PairsStart(TunedStart):
    """The network before its first step, without a head."""

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives the network before its first step, the train rows and the valid rows."""
        return self._pairs(self.train), self.read(self.train), self.valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives the network before its first step, and the rows of train and valid together."""
        rows = joined(self.train, self.valid)
        return self._pairs(rows), self.read(rows)

    def read(self, rows: Documents) -> Documents:
        """The rows, and behind them what describes the labels."""
        return rows if self.described is None else joined(rows, self.described)

    @cached_property
    def described(self) -> Documents | None:
        """The descriptions and examples of the labels."""
        if (texts := described_texts(self.job)) is None:
            return None
        return self.documents(*numbered(texts), "description")

    def view(self, model: PooledNetwork, device: torch.device, rows: Documents, member: int = 0) -> PairsView:
        """A network that reads pairs of these rows, or is judged by them."""
        read = self.read(rows)
        return PairsView(model, device, self.pad(model), member=member, job=self.job, read=read, num_rows=len(rows))

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How it is trained; pairs have no classes to be weighed, the head has."""
        return replace(super().recipe(num_documents, member), class_weights="none")

    def topped(self, network: Any) -> PooledNetwork:
        """A pretrained network with the pooling alone."""
        return PooledNetwork(network, self.settings.pooling)

    def head(self, tuned: Any, *, refitted: bool) -> Head:
        """Weights [D, C] and bias [C] of the head on the vectors of the rows."""
        rows = joined(self.train, self.valid) if refitted else self.train
        return self.view(tuned, torch.device("cpu"), rows).head()

    def _pairs(self, rows: Documents) -> Callable[[int], Training]:
        def training(member: int) -> Training:
            made = self._training(member)
            plain = made.view
            assert isinstance(plain, TunedView)
            made.view = self.view(plain.model, plain.device, rows, member)
            made.objective, made.reads = cosine_loss, reads_of_a_text(self.settings.pairs)
            return made

        return training


def train_contrastive(job: Job, epochs_before: int) -> list[Trained]:
    """Tune the network and fit a head upon it; see the module. With `refit` both are made of the validation rows too."""
    with num_threads(job.threads):
        return train_from(PairsStart(job), epochs_before)
