"""Label texts by the cosine of their vectors with those of the labels' descriptions, without a model.

Shapes: N texts, D dimensions, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.embed.labels_file import read_described
from tasks.embed.similarity import encoded_head
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.model.scores import log_softmax
from tasks.model.views.encoder import Reading, TextEncoder, cleaned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.finetune.settings import SharedSettings


def label_by_description(texts: Sequence[str], config: SharedSettings, weights: Path) -> tuple[list[str], np.ndarray]:
    """The labels that are described, and their probabilities [N, C]; `weights` is the folder of the step of that name."""
    how = config.settings(EncoderSettings)
    if how.labels is None:
        raise ValueError("train zero-shot needs a file of labels")
    described = read_described(how.labels)
    labels, encoder = described.labels, TextEncoder(weights, Reading(how.pooling, how.max_len, how.truncate))
    weights_DC, bias_C = encoded_head(encoder, described.texts(labels))
    vectors = list(encoder.vectors([cleaned(text) for text in texts]))
    return labels, np.exp(log_softmax(np.array(vectors, np.float32).reshape(-1, encoder.dim) @ weights_DC + bias_C))
