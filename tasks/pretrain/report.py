"""The report on word vectors: neighbours of words, and intrinsic evaluation on English.

Shapes: V words, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.pretrain.intrinsic import intrinsic_evaluation
from tasks.pretrain.neighbours import class_words, frequent_words, neighbours_of
from tasks.pretrain.space import WordSpace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

FILE = "side/vectors.json"


def report_on_vectors(words: Sequence[str], matrix_VD: np.ndarray, dataset: Path | None = None) -> dict[str, Any]:
    """Report on vectors of words in order of frequency, as JSON values.

    `neighbours` (of frequent words; see neighbours_of), `intrinsic` (see intrinsic_evaluation), and where a prepared dataset is
    given `class_neighbours`: for each class those of its typical words.
    """
    space = WordSpace(words, matrix_VD)
    typical = {} if dataset is None else class_words(dataset, words)
    return {
        "neighbours": neighbours_of(space, frequent_words(words)),
        "class_neighbours": {label: neighbours_of(space, chosen) for label, chosen in typical.items()},
        "intrinsic": intrinsic_evaluation(space),
    }
