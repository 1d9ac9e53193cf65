"""Logits added up, and as probabilities. Shapes: N rows, C classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


def log_softmax(logits_NC: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities, float64 [N, C]."""
    shifted_NC = logits_NC.astype(np.float64) - logits_NC.max(1, keepdims=True)
    return shifted_NC - np.log(np.exp(shifted_NC).sum(1, keepdims=True))


def add(logits: Mapping[str, np.ndarray], deviations: Mapping[str, float], weights: Mapping[str, float]) -> np.ndarray:
    """The sum of the views' logits, each in units of its deviation and times its weight; float32 [N, C]."""
    return np.sum([weights[name] / deviations[name] * view_NC for name, view_NC in logits.items()], axis=0).astype(np.float32)


def over_others(logits_NC: np.ndarray, label: int) -> np.ndarray:
    """A label's logits less the mean of the others', or any part of them: [N] of [N, C]."""
    num_others = logits_NC.shape[-1] - 1
    of_label_N = logits_NC[..., label]
    over_N: np.ndarray = of_label_N - (logits_NC.sum(-1) - of_label_N) / num_others
    return over_N
