"""A linear head of what labels mean: the more a text's vector is like those of a label's description and examples, the surer.

In go vectors of the labels' texts, out come a row of weights for each label. Nothing is trained and nothing is random.

Shapes: T texts of labels, D dimensions, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.model.views.encoder import cleaned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.model.views.encoder import TextEncoder

SCALE = 20.0  # logits are so many cosines: what sentence encoders are trained with (sentence-transformers' ranking loss)


def numbered(texts: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """The texts of all labels one after another, and the number of each one's label, int64 [T]."""
    numbers = [number for number, each in enumerate(texts) for _ in each]
    return [text for each in texts for text in each], np.array(numbers, np.int64)


def described_head(vectors_TD: np.ndarray, labels_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [D, C] and bias [C] (of zeros), float32; ValueError for a vector without length.

    A label's row is the mean of its texts' vectors at length 1, itself at length 1; logits are SCALE times the cosine for a
    text whose vector is as long as theirs on average. The length of a text's vector changes how sure the answer is, never
    which label is first.
    """
    vectors_TD = vectors_TD.astype(np.float64)
    length_T = np.linalg.norm(vectors_TD, axis=1)
    if not (length_T > 0).all():
        raise ValueError("the vector of a label's text has no length")
    unit_TD, num_labels = vectors_TD / length_T[:, None], int(labels_T.max()) + 1
    mean_CD = np.array([unit_TD[labels_T == label].mean(0) for label in range(num_labels)])
    rows_CD = mean_CD / np.maximum(np.linalg.norm(mean_CD, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    weights_DC = SCALE / length_T.mean() * rows_CD.T
    return np.ascontiguousarray(weights_DC, np.float32), np.zeros(num_labels, np.float32)


def encoded_head(encoder: TextEncoder, texts: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """The head of the texts of each label by the network that reads texts, see `described_head`."""
    flat, labels_T = numbered(texts)
    return described_head(np.array(list(encoder.vectors([cleaned(text) for text in flat]))), labels_T)
