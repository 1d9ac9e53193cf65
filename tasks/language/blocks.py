"""Pieces of documents packed one after another into blocks of equal length: nothing is padded but the end of the last one.

Shapes: T pieces, N blocks, L pieces of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.model.language.pieces import Pieces

NOTHING = -100  # the target where no piece is: the loss leaves it out, as PyTorch's does by default


@dataclass(frozen=True)
class Blocks:
    """Pieces that are read, and those that follow them, which are to be predicted: int32 [N, L] each.

    The pieces of `targets` are those of `ids`, one place on. They are not moved again: the loss compares a place's prediction
    with the same place of `targets`. Each piece of the texts, and the end of each, is predicted exactly once in an epoch.
    """

    ids: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_tokens(self) -> int:
        """How many pieces are predicted."""
        return int((self.targets != NOTHING).sum())


def stream_of(pieces: Pieces, texts: Iterable[str]) -> np.ndarray:
    """All texts as one row of pieces: an <eos>, then each text and its <eos>. int32 [T]."""
    encoded = pieces.encode(texts)
    lengths = np.diff(encoded.offsets)
    stream = np.full(len(encoded.ids) + len(lengths) + 1, pieces.end, np.int32)
    stream[np.arange(len(encoded.ids)) + np.repeat(np.arange(len(lengths)), lengths) + 1] = encoded.ids
    return stream


def blocks_of(stream: np.ndarray, context: int, what: str) -> Blocks:
    """Cut a row of pieces into blocks of `context`; RequestError if there is nothing in it. `what` names the texts."""
    total = len(stream) - 1
    if total < 2:
        raise RequestError(f"the {what} texts hold no word to predict; give more documents, or another share of them")
    rows = -(-total // context)
    ids, targets = np.full(rows * context, stream[0], np.int32), np.full(rows * context, NOTHING, np.int32)
    ids[:total], targets[:total] = stream[:-1], stream[1:]
    return Blocks(ids.reshape(rows, context), targets.reshape(rows, context))
