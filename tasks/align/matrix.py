"""The matrix that neural models start from: a row for every word of the vocabulary.

A word's row is its pretrained vector; without one, the vector of its character n-grams; without those, zeros or random
numbers. Shapes: V words of the vocabulary, D dimensions.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.align.join import Rows, concatenate, fill
from tasks.align.readers import VectorFile, read_vectors
from tasks.align.spellings import CASE, NFKC, Spellings
from tasks.errors import RequestError
from tasks.model.vocabulary import PAD_ID, RESERVED, Vocabulary
from tasks.prepare.read import iter_batches
from tasks.progress import SILENT, Progress
from tasks.token_counts import count_tokens

if TYPE_CHECKING:
    from tasks.align.settings import AlignConfig
    from tasks.model.subwords import Subwords


MATRIX, HAS_VECTOR, COVERAGE = "matrix.npy", "has_vector.npy", "coverage.json"
PRETRAINED = "vectors.bin"

# Standard deviation of random rows where there is no vector to take it from: that of unit vectors of 100 dimensions.
RANDOM_SCALE = 0.1
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Vectors:
    """Vectors of rows of the vocabulary, subwords for other words, and what the report says about their sources."""

    found: Rows
    subwords: Subwords | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    join: dict[str, Any] = field(default_factory=dict)


def write_matrix(
    config: AlignConfig, dataset: Path, vectors: Path | None, folder: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Fit the vocabulary on the train documents of `dataset` and write it and its matrix into `folder`.

    Vectors come from the file `config.vectors`, else from `vectors`, the folder that pretrain wrote, with those of
    `config.second` joined to them; with none of these, every row is random. Writes vocabulary.json, matrix.npy (float32 [V, D],
    row 0 zeros), has_vector.npy (bool [V]), coverage.json and, where the vectors have them, subwords.npy and subwords.json.
    Returns the report. Raises RequestError for unusable vectors, and with the numbers if less than `config.min_coverage` of the
    train tokens has a vector.
    """
    documents = (batch.column("tokens") for batch in iter_batches(dataset, ("train",), ["tokens"]))
    vocabulary = Vocabulary.from_counts(count_tokens(documents), min_count=config.min_count, max_size=config.max_size)
    progress.advance(0, len(vocabulary), "words", "vocabulary counted")
    given = find_vectors(config, vocabulary, vectors, folder, progress)
    matrix_VD, has_vector_V, has_subword_V = fill_matrix(config, vocabulary, given.found, given.subwords)
    coverage = measure_coverage(vocabulary, has_vector_V, has_subword_V)
    if coverage["coverage"] < config.min_coverage:
        raise RequestError(_too_little(config, coverage))
    totals = {name: sum(source[name] for source in given.sources) for name in ("duplicates", "by_case", "by_nfkc")}
    report = {**coverage, **totals, **given.join, "sources": given.sources}
    vocabulary.save(folder)
    np.save(folder / MATRIX, matrix_VD, allow_pickle=False)
    np.save(folder / HAS_VECTOR, has_vector_V, allow_pickle=False)
    if given.subwords is not None:
        given.subwords.save(folder)
    (folder / COVERAGE).write_text(json.dumps(report, indent=2), encoding="utf-8")
    progress.advance(len(vocabulary), len(vocabulary), "words", f"{coverage['coverage']:.1%} of the train tokens have a vector")
    return {**report, "dim": given.found.dim}


def find_vectors(
    config: AlignConfig, vocabulary: Vocabulary, pretrained: Path | None, scratch: Path, progress: Progress
) -> Vectors:
    """The vectors of the vocabulary's words from one source or of two joined; large files are unpacked in `scratch`."""
    first = second = None
    if config.vectors is not None:
        first = VectorFile(_local(config.vectors), _words(config.vocabulary), config.member)
    elif pretrained is not None:
        first = VectorFile(pretrained / PRETRAINED)
    if config.second is not None:
        second = VectorFile(_local(config.second), _words(config.second_vocabulary), config.second_member)
        if first is None:
            raise RequestError("--align.second joins other vectors, and there are none; give them as --align.vectors")
    if first is None:
        return Vectors(Rows(np.empty(0, dtype=np.int64), np.empty((0, config.dim), dtype=np.float32)))
    given = read_source(first, vocabulary, config.fallbacks, scratch, progress)
    if second is None:
        return given
    other = read_source(second, vocabulary, config.fallbacks, scratch, progress)
    return join_vectors(given, other, config.join)


def join_vectors(first: Vectors, second: Vectors, join: str) -> Vectors:
    """Join two sources as `align.join` says; other words get the first's subwords, or the second's if it has none."""
    if join == "fill":
        found, figures, turn_GF = fill(first.found, second.found)
        subwords = first.subwords or (second.subwords and second.subwords.turned(turn_GF))
    else:
        found, figures = concatenate(first.found, second.found), {}
        if first.subwords is not None:
            subwords = first.subwords.padded(second.found.dim)
        else:
            subwords = second.subwords and second.subwords.led(first.found.dim)
    unused = first.subwords is not None and second.subwords is not None
    others = [source | {"subwords": "not used"} for source in second.sources] if unused else second.sources
    return Vectors(found, subwords, [*first.sources, *others], figures)


def read_source(file: VectorFile, vocabulary: Vocabulary, fallbacks: str, scratch: Path, progress: Progress) -> Vectors:
    """One file's vectors for the words of the vocabulary, by other spellings too if `fallbacks` says so."""
    spellings = Spellings(vocabulary.tokens[len(RESERVED) :], fallbacks)
    read = read_vectors(file, spellings.wanted, scratch, progress=progress)
    spelled = spellings.resolve(read.found)
    rows_K = spelled.positions + len(RESERVED)
    counts_K = np.array(vocabulary.counts, dtype=np.int64)[rows_K]
    source: dict[str, Any] = {
        "format": read.format,
        "dim": read.found.dim,
        "vectors": read.found.num_vectors,
        "found": len(rows_K),
        "duplicates": read.found.num_duplicates,
        "subwords": "none" if read.subwords is None else "used",
    }
    for name, kind in (("by_case", CASE), ("by_nfkc", NFKC)):
        source[name] = int((spelled.how == kind).sum())
        source[f"{name}_tokens"] = int(counts_K[spelled.how == kind].sum())
    return Vectors(Rows(rows_K, read.found.vectors[spelled.rows]), read.subwords, [source])


def fill_matrix(
    config: AlignConfig, vocabulary: Vocabulary, found: Rows, subwords: Subwords | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix (float32 [V, D]), which rows have a vector of their own, and which one from subwords (bool [V])."""
    num_words, dim = len(vocabulary), found.dim
    matrix_VD = np.zeros((num_words, dim), dtype=np.float32)
    has_vector_V, has_subword_V = np.zeros(num_words, dtype=bool), np.zeros(num_words, dtype=bool)
    matrix_VD[found.rows] = found.vectors
    has_vector_V[found.rows] = True
    if subwords is not None:
        rows = np.flatnonzero(~has_vector_V)[len(RESERVED) :]
        matrix_VD[rows] = subwords.vectors([vocabulary.tokens[row] for row in rows])
        has_subword_V[rows] = matrix_VD[rows].any(axis=1)
    if config.missing == "random":
        scale = _deviation(found.vectors) if len(found.vectors) else RANDOM_SCALE
        rows = np.flatnonzero(~(has_vector_V | has_subword_V))
        random = np.random.default_rng(config.seed).standard_normal((len(rows), dim), dtype=np.float32)
        matrix_VD[rows] = random * np.float32(scale)
    matrix_VD[PAD_ID] = 0.0
    return matrix_VD, has_vector_V, has_subword_V


def _deviation(vectors_KD: np.ndarray) -> float:
    """Standard deviation of all numbers, in double precision without a double copy of them."""
    mean, total = vectors_KD.mean(dtype=np.float64), 0.0
    for start in range(0, len(vectors_KD), ROWS_AT_ONCE):
        total += float(np.square(vectors_KD[start : start + ROWS_AT_ONCE] - mean).sum())
    return math.sqrt(total / vectors_KD.size)


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


def _local(place: Path | str) -> Path:
    if isinstance(place, Path):
        return place
    raise RequestError("the vectors of a URL are not on this machine; tasks.align.fetch.local_copies brings them here")


def _words(place: Path | str | None) -> Path | None:
    return None if place is None else _local(place)
