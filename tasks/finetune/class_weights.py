"""Weights of the classes in a loss."""

from __future__ import annotations

import numpy as np


def class_weights(labels_N: np.ndarray, kind: str) -> np.ndarray | None:
    """Weights [C], float32; balanced: inverse to the classes' frequency, 1 on average over the documents; none: None."""
    if kind == "none":
        return None
    counts_C = np.bincount(labels_N)
    return (len(labels_N) / (len(counts_C) * np.maximum(counts_C, 1))).astype(np.float32)
