"""Weights of the classes in a loss. Shapes: N rows, C classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

How = str | tuple[float, ...]  # none, sqrt, balanced, or the share of the loss that each class is to have


def class_weights(labels_N: np.ndarray, how: How | Sequence[float]) -> np.ndarray | None:
    """Weights [C], float32, 1 on average over the documents; none: None.

    sqrt: inverse to the root of the classes' frequency; balanced: inverse to it; shares: so that the loss has them.
    """
    if how == "none":
        return None
    counts_C = np.bincount(labels_N, minlength=0 if isinstance(how, str) else len(how))
    if how == "balanced":
        return (len(labels_N) / (len(counts_C) * np.maximum(counts_C, 1))).astype(np.float32)
    shares_C = np.sqrt(counts_C) if isinstance(how, str) else np.where(counts_C > 0, how, 0.0)
    return (len(labels_N) * shares_C / shares_C.sum() / np.maximum(counts_C, 1)).astype(np.float32)
