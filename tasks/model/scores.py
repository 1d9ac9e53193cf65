"""Logits added up, and how good they are on rows whose labels are known. Shapes: N rows, C classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


def log_softmax(logits_NC: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities, float64 [N, C]."""
    shifted_NC = logits_NC.astype(np.float64) - logits_NC.max(1, keepdims=True)
    return shifted_NC - np.log(np.exp(shifted_NC).sum(1, keepdims=True))


def log_loss(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """Mean negative log-probability of the labels, in nats."""
    return float(-log_softmax(logits_NC)[np.arange(len(labels_N)), labels_N].mean())


def accuracy(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """Share of rows whose largest logit is their label's."""
    return float((logits_NC.argmax(1) == labels_N).mean())


def macro_f1(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """Mean F1 of the classes that occur among labels or predictions (as scikit-learn counts them)."""
    num_classes = logits_NC.shape[1]
    predicted_N = logits_NC.argmax(1)
    right_C = np.bincount(labels_N[predicted_N == labels_N], minlength=num_classes)
    either_C = np.bincount(labels_N, minlength=num_classes) + np.bincount(predicted_N, minlength=num_classes)
    present_C = either_C > 0
    return float((2 * right_C[present_C] / either_C[present_C]).mean())


def add(logits: Mapping[str, np.ndarray], deviations: Mapping[str, float], weights: Mapping[str, float]) -> np.ndarray:
    """The sum of the views' logits, each in units of its deviation and times its weight; float32 [N, C]."""
    return np.sum([weights[name] / deviations[name] * view_NC for name, view_NC in logits.items()], axis=0).astype(np.float32)
