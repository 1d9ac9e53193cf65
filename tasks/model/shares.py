"""What the words of documents add to what a view says: how a view answers, and how the answers of several are one.

Shapes: N documents, T tokens of them one after another, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


class Shares(NamedTuple):
    """The parts of one number for each document, float64: `words` [T], what is there without any word, `alone` [N], and what
    the method did not share out, `remainder` [N].
    """

    words: np.ndarray
    alone: np.ndarray
    remainder: np.ndarray


class Split(Protocol):
    """What a view says of documents, and which words make it say so."""

    @property
    def logits(self) -> np.ndarray:
        """What `logits` of the view gives: float32 [N, C]."""
        ...

    def toward(self, toward_NC: np.ndarray) -> Shares:
        """The shares of each document's logits times its row of `toward_NC`."""
        ...


def add_up(views: Mapping[str, Split], factors: Mapping[str, float], toward_NC: np.ndarray) -> Shares:
    """The shares of the sum of views, each times its factor."""
    parts = [Shares(*(factors[name] * part for part in split.toward(toward_NC))) for name, split in views.items()]
    return Shares(*(np.sum(part, axis=0) for part in zip(*parts, strict=True)))
