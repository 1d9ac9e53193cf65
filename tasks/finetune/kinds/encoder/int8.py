"""Serve a trained encoder with weights of 8 bits, and measure what that loses.

In go the folder that was to be served, with float32, the heads, the texts of the validation rows and their logits by the
float32 model; the folder's network is replaced, and out come the logits of the same rows by what is served now. The sum's
weights, the temperature and every figure of the model are made of these, and the test rows are read by the same network: what
is measured is what is served.

Shapes: N texts, E numbers of a text's vector (of all members), C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.finetune.kinds.encoder.head import member_logits
from tasks.finetune.measures import accuracy
from tasks.model.scores import log_softmax
from tasks.model.views.encoder import STATES, TextEncoder
from tasks.weights.int8 import write_int8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.finetune.kinds.encoder.head import Head
    from tasks.model.views.encoder import Reading


@dataclass(frozen=True)
class Int8:
    """Each member's logits [N, C] of the validation rows by the network of 8 bits, numbers for the report, and a sentence."""

    logits: list[np.ndarray]
    figures: dict[str, float]
    note: str


def served_int8(
    folder: Path,
    reading: Reading,
    heads: Sequence[Head],
    texts: Sequence[str],
    float32: list[np.ndarray],
    labels_N: np.ndarray,
) -> Int8:
    """Replace the network of `folder` and compare; `heads` and `float32`, logits, are the members', `texts` are cleaned.

    Without a text nothing is compared.
    """
    write_int8(folder / STATES, folder / STATES)
    if not len(labels_N):
        return Int8(float32, {}, "")
    vectors_NE = np.array(list(TextEncoder(folder, reading).vectors(texts)), np.float32)
    return compared(member_logits(vectors_NE, heads), float32, labels_N)


def compared(int8: list[np.ndarray], float32: list[np.ndarray], labels_N: np.ndarray) -> Int8:
    """What other answers the network of 8 bits gives to the validation rows than that of 32, by the members' mean logits."""
    int8_NC, float32_NC = np.mean(int8, axis=0), np.mean(float32, axis=0)
    differ = int((int8_NC.argmax(1) != float32_NC.argmax(1)).sum())
    largest = float(np.abs(np.exp(log_softmax(int8_NC)) - np.exp(log_softmax(float32_NC))).max())
    ours, theirs = accuracy(int8_NC, labels_N), accuracy(float32_NC, labels_N)
    figures = {
        "int8_accuracy": ours,
        "float32_accuracy": theirs,
        "int8_labels_that_differ": float(differ),
        "int8_largest_difference": largest,
    }
    note = (
        f"int8 gives {differ:,} of {len(labels_N):,} validation rows another label than float32 (accuracy {ours:.4f}, "
        f"float32 {theirs:.4f}), and probabilities that differ by {largest:.3f} at most"
    )
    return Int8(int8, figures, note)
