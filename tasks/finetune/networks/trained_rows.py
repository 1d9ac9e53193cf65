"""Which rows of the embedding a training may move, as `finetune.network.embedding` and its `partial_rows` say.

Shapes: V vocabulary rows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import RequestError
from tasks.finetune.networks.settings import NetworkSettings
from tasks.model.vocabulary import PAD_ID, RESERVED
from tasks.model.words import same_length

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.finetune.settings import FinetuneConfig
    from tasks.model.vocabulary import Vocabulary

log = logging.getLogger(__name__)


def trained_rows(config: FinetuneConfig, vocabulary: Vocabulary, has_vector_V: np.ndarray) -> np.ndarray:
    """The rows that are trained, bool [V]; never padding's, and of a frozen embedding none.

    Of `rarest`, `random` and `words` the unknown word's row rests too. RequestError for a file of words that cannot be read or
    that names no word of the vocabulary.
    """
    settings = config.settings(NetworkSettings)
    num_rows, first = len(vocabulary), len(RESERVED)
    trained_V = np.zeros(num_rows, bool)
    num_trained = round(settings.partial_share * (num_rows - first))
    if settings.embedding in ("full", "low_rank"):
        trained_V[:] = True
    elif settings.embedding == "partial" and settings.partial_rows == "without_vector":
        trained_V = ~has_vector_V
    elif settings.embedding == "partial" and settings.partial_rows == "rarest":
        trained_V[num_rows - num_trained :] = True  # the vocabulary runs from the most frequent word to the rarest
    elif settings.embedding == "partial" and settings.partial_rows == "random":
        order = np.random.default_rng(config.seed).permutation(np.arange(first, num_rows))
        trained_V[order[:num_trained]] = True
    elif settings.embedding == "partial" and settings.partial_words is not None:
        trained_V[_rows_of(settings.partial_words, vocabulary)] = True
    trained_V[PAD_ID] = False
    return trained_V


def started_anew(matrix_VD: np.ndarray, trained_V: np.ndarray, seed: int) -> np.ndarray:
    """The matrix with random rows, as long as the others, where `trained_V` says; float32 [V, D]."""
    fresh_TD = np.random.default_rng([seed, 1]).standard_normal((int(trained_V.sum()), matrix_VD.shape[1]))
    started_VD = matrix_VD.copy()
    started_VD[trained_V] = same_length(fresh_TD)
    return started_VD


def _rows_of(path: Path, vocabulary: Vocabulary) -> list[int]:
    """The rows of a UTF-8 file's words, one a line, spelt as in prepared text; words of no row are passed over."""
    try:
        words = {line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")} - {""}
    except UnicodeDecodeError as error:
        raise RequestError(f"word file {path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise RequestError(
            f"word file {path}: {error.strerror or error}; give --finetune.network.partial-words a file"
        ) from error
    rows = sorted(vocabulary.index[word] for word in words if word in vocabulary.index)
    if not rows:
        raise RequestError(
            f"word file {path}: none of its {len(words):,} words is in the vocabulary; "
            "write one a line, as prepare leaves it (by default in lower case)"
        )
    log.info("%d of the %d words of %s are in the vocabulary; their rows are trained", len(rows), len(words), path)
    return rows
