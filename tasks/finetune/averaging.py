"""Vectors of n-grams by reciprocal averaging, from labelled and unlabelled documents alike; linear, and almost in closed form.

A document's vector is the mean of its n-grams' vectors, an n-gram's the mean of the vectors of the documents that it stands in.
Repeated with whitening in between, this is subspace iteration towards the axes of correspondence analysis (Hill 1973,
"Reciprocal averaging: an eigenvector method of ordination"; Benzecri 1973). Two departures: the vectors of documents get
unit length, so that none outweighs another, and a document is divided by the root of its number of n-grams, as in the bag.

Latent semantic analysis, a truncated SVD of TF-IDF, is the nearest relative. On held-out reviews it was 0.02 less accurate:
it gives a rare n-gram a short vector, and the rare ones are those of which the labelled rows say too little.

Shapes: N documents, T n-gram ids of all of them, K n-grams, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch.nn import functional

from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from tasks.finetune.batches import Documents

CHUNK = 16_384  # documents or n-grams read at a time: what is copied from a memory map and widened stays small
SMALLEST = 1e-6  # variance of an axis, by the largest one's, below which it is rounding and not scaled up


@dataclass(frozen=True)
class Averages:
    """What averaging ends with: `ngrams` [K, D] are means of `documents` [N, D] (unit length), `counts` [K] of how many."""

    ngrams: torch.Tensor
    documents: torch.Tensor
    counts: torch.Tensor

    def features(self, rows: Documents) -> torch.Tensor:
        """What a classifier reads of documents that had no part in the averages: float32 [rows, D]."""
        return _sums(self.ngrams, rows.ids, rows.offsets) / _roots(rows.offsets)

    def features_left_out(self, rows: Documents) -> torch.Tensor:
        """The same for the first documents of those averaged, each as if it alone had been left out; float32 [rows, D].

        A document pulls the means of its own n-grams towards itself. A classifier fitted on that would trust them too much
        when it meets new documents, which do not.
        """
        others_K = (self.counts - 1).clamp(min=1)
        means_ND = _sums(self.ngrams, rows.ids, rows.offsets, self.counts / others_K)
        shares_N1 = _sums(1 / others_K[:, None], rows.ids, rows.offsets)
        return (means_ND - shares_N1 * self.documents[: len(rows)]) / _roots(rows.offsets)


def reciprocal_averages(
    rows: Documents, num_ngrams: int, *, dim: int, rounds: int, seed: int, progress: Progress = SILENT
) -> Averages:
    """Average to and fro `rounds` times from random vectors of documents.

    Needs about 8 bytes an n-gram of a document, and 4 * D bytes a distinct n-gram and 8 * D a document. Equal seeds and
    numbers of threads give equal bits.
    """
    members = csr_matrix((np.ones(len(rows.ids), np.int8), rows.ids, rows.offsets), (len(rows), num_ngrams)).tocsc()
    counts_K = torch.from_numpy(np.diff(members.indptr).astype(np.float32))
    roots_N1 = _roots(rows.offsets)
    documents_ND = torch.randn(len(rows), dim, generator=torch.Generator().manual_seed(seed))
    for number in range(rounds):
        progress.advance(number, rounds, "rounds", f"averaging {len(rows):,} documents and {num_ngrams:,} n-grams")
        ngrams_KD = _means(documents_ND, members.indices, members.indptr, counts_K)
        if number < rounds - 1:
            documents_ND = _whitened(_sums(ngrams_KD, rows.ids, rows.offsets).div_(roots_N1))
    return Averages(ngrams_KD, documents_ND, counts_K)


def _means(documents_ND: torch.Tensor, members: np.ndarray, offsets: np.ndarray, counts_K: torch.Tensor) -> torch.Tensor:
    return _sums(documents_ND, members, offsets).div_(counts_K.clamp(min=1)[:, None])


def _whitened(documents_ND: torch.Tensor) -> torch.Tensor:
    """Centre, turn and scale so that the axes are uncorrelated and of equal variance, then bring each row to unit length."""
    documents_ND -= documents_ND.mean(0)
    variance_D, axes_DD = torch.linalg.eigh((documents_ND.T @ documents_ND / max(len(documents_ND), 1)).double())
    real_D = variance_D > SMALLEST * variance_D[-1]
    scale_D = torch.where(real_D, variance_D, torch.inf).rsqrt()
    return functional.normalize(documents_ND @ (axes_DD * scale_D).float(), dim=1)


def _sums(
    vectors_KD: torch.Tensor, ids_T: np.ndarray, offsets: np.ndarray, weights_K: torch.Tensor | None = None
) -> torch.Tensor:
    """Sum of the vectors that each row names, times their weights: float32 [rows, D]."""
    sums_ND = vectors_KD.new_empty(len(offsets) - 1, vectors_KD.shape[1])
    for start in range(0, len(sums_ND), CHUNK):
        at = offsets[start : start + CHUNK + 1].astype(np.int64)
        ids = torch.from_numpy(ids_T[at[0] : at[-1]].astype(np.int64))
        ends = torch.from_numpy(at - at[0])
        weights_T = None if weights_K is None else weights_K[ids]
        sums_ND[start : start + CHUNK] = functional.embedding_bag(
            ids, vectors_KD, ends, mode="sum", include_last_offset=True, per_sample_weights=weights_T
        )
    return sums_ND


def _roots(offsets: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.sqrt(np.maximum(np.diff(offsets), 1)).astype(np.float32))[:, None]
