"""How good logits are on rows whose labels are known. Shapes: N rows, C classes."""

from __future__ import annotations

import numpy as np

from tasks.model.scores import log_softmax


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
