"""What the training loop asks of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import torch
    from torch import nn


class TrainedView(Protocol):
    """A network, what it reads, and in which order; one of a kind's members, counted from 0.

    Shapes: N documents, T ids, B documents of a batch, U unseen words, D dimensions, C classes.
    """

    @property
    def name(self) -> str:
        """The kind's."""
        ...

    @property
    def model(self) -> nn.Module:
        """The network."""
        ...

    @property
    def member(self) -> int:
        """Which of its kind's members it is."""
        ...

    @property
    def member_name(self) -> str:
        """What tensors, files and messages of this member are named by."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        ...

    def inputs(
        self, ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, unseen_UD: np.ndarray | None = None
    ) -> tuple[torch.Tensor | None, ...]:
        """The model's arguments for those documents."""
        ...

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch."""
        ...

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: np.ndarray | None = None) -> np.ndarray:
        """Logits of all documents, float32 [N, C]; nothing is trained."""
        ...
