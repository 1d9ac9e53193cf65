"""The matrix that neural models start from: a row for every word of the vocabulary.

A word's row is its pretrained vector; without one, the vector of its character n-grams; without those, zeros or random
numbers. Shapes: V words of the vocabulary, D dimensions.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.align.readers import WordVectors, read_text_vectors
from tasks.align.subword import Subwords
from tasks.align.vocabulary import PAD_ID, RESERVED, Vocabulary
from tasks.errors import RequestError
from tasks.prepare.read import iter_batches
from tasks.pretrain.model_file import all_finite, is_model_file, read_model_file
from tasks.progress import SILENT, Progress
from tasks.token_counts import count_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import AlignConfig

log = logging.getLogger(__name__)

MATRIX, HAS_VECTOR, COVERAGE = "matrix.npy", "has_vector.npy", "coverage.json"
PRETRAINED = "vectors.bin"

# Standard deviation of random rows where there is no vector to take it from: that of unit vectors of 100 dimensions.
RANDOM_SCALE = 0.1


def write_matrix(
    config: AlignConfig, dataset: Path, vectors: Path | None, folder: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Fit the vocabulary on the train documents of `dataset` and write it and its matrix into `folder`.

    Vectors come from the file `config.vectors`, else from `vectors`, the folder that pretrain wrote; with neither, every row
    is random. Writes vocabulary.json, matrix.npy (float32 [V, D], row 0 zeros), has_vector.npy (bool [V]), coverage.json and,
    where the vectors have them, subwords.npy and subwords.json. Returns the report. Raises RequestError for unusable
    vectors, and with the numbers if less than `config.min_coverage` of the train tokens has a vector.
    """
    documents = (batch.column("tokens") for batch in iter_batches(dataset, ("train",), ["tokens"]))
    vocabulary = Vocabulary.from_counts(count_tokens(documents), min_count=config.min_count, max_size=config.max_size)
    progress.advance(0, len(vocabulary), "words", "vocabulary counted")
    found, subwords = find_vectors(config, vocabulary, vectors, progress)
    matrix_VD, has_vector_V, has_subword_V = fill_matrix(config, vocabulary, found, subwords)
    coverage = measure_coverage(vocabulary, has_vector_V, has_subword_V) | {"duplicates": found.num_duplicates}
    if coverage["coverage"] < config.min_coverage:
        raise RequestError(_too_little(config, coverage))
    vocabulary.save(folder)
    np.save(folder / MATRIX, matrix_VD, allow_pickle=False)
    np.save(folder / HAS_VECTOR, has_vector_V, allow_pickle=False)
    if subwords is not None:
        subwords.save(folder)
    (folder / COVERAGE).write_text(json.dumps(coverage, indent=2), encoding="utf-8")
    progress.advance(len(vocabulary), len(vocabulary), "words", f"{coverage['coverage']:.1%} of the train tokens have a vector")
    return {**coverage, "dim": found.dim}


def find_vectors(
    config: AlignConfig, vocabulary: Vocabulary, vectors: Path | None, progress: Progress
) -> tuple[WordVectors, Subwords | None]:
    """The vectors of the vocabulary's words (positions are rows of the vocabulary), and the subwords beside them."""
    if config.vectors is None and vectors is None:
        nothing = np.empty((0, config.dim), dtype=np.float32)
        return WordVectors(np.empty(0, dtype=np.int64), nothing), None
    path = config.vectors if config.vectors is not None else vectors / PRETRAINED  # type: ignore[operator]
    if not path.is_file():
        raise RequestError(f"there is no vectors file {path}; check --align.vectors")
    if is_model_file(path):
        return read_fasttext(path, vocabulary)
    words = vocabulary.tokens[len(RESERVED) :]
    found = read_text_vectors(path, words, progress=progress)
    return (
        WordVectors(found.positions + len(RESERVED), found.vectors, found.num_lines, found.num_duplicates),
        None,
    )


def read_fasttext(path: Path, vocabulary: Vocabulary) -> tuple[WordVectors, Subwords | None]:
    """Vectors of the vocabulary's words in a fastText `.bin`, and its subwords if it has any."""
    try:
        model = read_model_file(path)
    except ValueError as error:
        raise RequestError(f"{error}; give a whole .bin, or a .vec or GloVe text file") from error
    known = [(row, word) for word, row in vocabulary.index.items() if word in model.index]
    rows_K = np.array([row for row, _ in known], dtype=np.int64)
    found = WordVectors(rows_K, model.vectors([word for _, word in known]), len(model.index))
    if not (np.isfinite(found.vectors).all() and all_finite(model.buckets)):
        raise RequestError(f"{path} holds numbers that are not finite; train it again with a smaller learning rate")
    return found, Subwords(model.buckets, model.minn, model.maxn) if len(model.buckets) else None


def fill_matrix(
    config: AlignConfig, vocabulary: Vocabulary, found: WordVectors, subwords: Subwords | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix (float32 [V, D]), and which rows hold a vector of their own, and which one of subwords (bool [V])."""
    num_words, dim = len(vocabulary), found.dim
    matrix_VD = np.zeros((num_words, dim), dtype=np.float32)
    has_vector_V, has_subword_V = np.zeros(num_words, dtype=bool), np.zeros(num_words, dtype=bool)
    matrix_VD[found.positions] = found.vectors
    has_vector_V[found.positions] = True
    if subwords is not None:
        rows = np.flatnonzero(~has_vector_V)[len(RESERVED) :]
        matrix_VD[rows] = subwords.vectors([vocabulary.tokens[row] for row in rows])
        has_subword_V[rows] = matrix_VD[rows].any(axis=1)
    if config.missing == "random":
        scale = float(found.vectors.std(dtype=np.float64)) if len(found.vectors) else RANDOM_SCALE
        rows = np.flatnonzero(~(has_vector_V | has_subword_V))
        random = np.random.default_rng(config.seed).standard_normal((len(rows), dim), dtype=np.float32)
        matrix_VD[rows] = random * np.float32(scale)
    matrix_VD[PAD_ID] = 0.0
    return matrix_VD, has_vector_V, has_subword_V


def measure_coverage(vocabulary: Vocabulary, has_vector_V: np.ndarray, has_subword_V: np.ndarray) -> dict[str, Any]:
    """Count what has a vector, by type (words of the vocabulary) and by token (of the whole train text)."""
    counts_V = np.array(vocabulary.counts, dtype=np.int64)
    num_tokens, num_types = vocabulary.num_train_tokens, len(vocabulary) - len(RESERVED)
    num_found, num_subword = int(has_vector_V.sum()), int(has_subword_V.sum())
    covered = int(counts_V[has_vector_V].sum())
    return {
        "coverage": covered / num_tokens if num_tokens else 0.0,
        "coverage_types": num_found / num_types if num_types else 0.0,
        "train_tokens": num_tokens,
        "covered_tokens": covered,
        "subword_tokens": int(counts_V[has_subword_V].sum()),
        "outside_tokens": int(counts_V[1]),
        "vocabulary": len(vocabulary),
        "vector_rows": num_found,
        "subword_rows": num_subword,
        "missing": num_types - num_found - num_subword,
    }


def _too_little(config: AlignConfig, coverage: dict[str, Any]) -> str:
    return (
        f"align: {coverage['coverage']:.1%} of the {coverage['train_tokens']:,} train tokens "
        f"({coverage['vector_rows']:,} of {coverage['vocabulary'] - len(RESERVED):,} words) have a vector, less than "
        f"min_coverage {config.min_coverage:.1%}; give vectors of this text's language and case, or lower --align.min-coverage"
    )
