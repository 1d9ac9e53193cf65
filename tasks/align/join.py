"""Make one set of vectors of two: side by side, or the second's mapped into the space of the first, to fill its gaps.

Shapes: K words of the result, S words of both, F and G dimensions of the first and the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tasks.errors import RequestError

HELD_OUT = 5  # every fifth shared word measures the map that the others made


@dataclass(frozen=True)
class Rows:
    """Vectors of rows of the vocabulary: which rows (int64 [K], ascending) and their vectors (float32 [K, D])."""

    rows: np.ndarray
    vectors: np.ndarray

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.vectors.shape[1])


def concatenate(first: Rows, second: Rows) -> Rows:
    """Vectors of F + G dimensions for every word of either; the part that a word does not have is zeros."""
    rows_K = np.union1d(first.rows, second.rows)
    vectors_KD = np.zeros((len(rows_K), first.dim + second.dim), dtype=np.float32)
    vectors_KD[np.searchsorted(rows_K, first.rows), : first.dim] = first.vectors
    vectors_KD[np.searchsorted(rows_K, second.rows), first.dim :] = second.vectors
    return Rows(rows_K, vectors_KD)


class Filled(NamedTuple):
    """The first's vectors with the second's in the gaps, the report's figures, and the map of the second (float32 [G, F])."""

    found: Rows
    figures: dict[str, Any]
    turn: np.ndarray


def fill(first: Rows, second: Rows) -> Filled:
    """The first's vectors, and for words that only the second has, its vectors mapped into the first's space.

    The map is a rotation, fitted on the words that both have, and one factor that makes their lengths agree. The figures are
    the number of shared and of filled words, and the mean cosine that shared words left out of a fit have to the first's
    vectors. RequestError if both share fewer words than they have dimensions, since the rotation is not determined then.
    """
    shared, in_first_S, in_second_S = np.intersect1d(first.rows, second.rows, assume_unique=True, return_indices=True)
    least = max(first.dim, second.dim)
    if len(shared) < least:
        raise RequestError(
            f"align: both sources have vectors for only {len(shared):,} words of the vocabulary, too few to map {second.dim} "
            f"dimensions to {first.dim} (at least {least:,}); use --align.join concatenate"
        )
    target_SF, source_SG = first.vectors[in_first_S], second.vectors[in_second_S]
    left_out = np.arange(len(shared)) % HELD_OUT == 0
    cosine = _mean_cosine(source_SG[left_out] @ procrustes(source_SG[~left_out], target_SF[~left_out]), target_SF[left_out])
    rotation_GF = procrustes(source_SG, target_SF)
    scale = np.sqrt(_mean_square(target_SF) / max(_mean_square(source_SG @ rotation_GF), np.finfo(np.float64).tiny))
    map_GF = (rotation_GF * scale).astype(np.float32)
    only_second = ~np.isin(second.rows, first.rows, assume_unique=True)
    rows_K = np.concatenate([first.rows, second.rows[only_second]])
    order = np.argsort(rows_K, kind="stable")
    filled = Rows(rows_K[order], np.concatenate([first.vectors, second.vectors[only_second] @ map_GF])[order])
    figures = {"shared_rows": len(shared), "filled_rows": int(only_second.sum()), "held_out_cosine": round(cosine, 4)}
    return Filled(filled, figures, map_GF)


def procrustes(source_SG: np.ndarray, target_SF: np.ndarray) -> np.ndarray:
    """The orthogonal map (float32 [G, F]) that turns the directions of `source_SG` best into those of `target_SF`.

    U V^T of the singular value decomposition of source^T target, rows at unit length: Schönemann 1966 (doi
    10.1007/BF02289451), for word vectors Smith et al. 2017 (arXiv 1702.03859). With F != G its rows or columns are orthonormal.
    """
    left_GR, _, right_RF = np.linalg.svd(_unit(source_SG).T @ _unit(target_SF), full_matrices=False)
    return (left_GR @ right_RF).astype(np.float32)


def _unit(vectors_SD: np.ndarray) -> np.ndarray:
    lengths_S = np.linalg.norm(vectors_SD, axis=1, keepdims=True)
    return vectors_SD.astype(np.float64) / np.where(lengths_S > 0, lengths_S, 1)


def _mean_cosine(mapped_SF: np.ndarray, target_SF: np.ndarray) -> float:
    return float((_unit(mapped_SF) * _unit(target_SF)).sum(axis=1).mean())


def _mean_square(vectors_SD: np.ndarray) -> float:
    return float(np.square(vectors_SD, dtype=np.float64).sum(axis=1).mean())
