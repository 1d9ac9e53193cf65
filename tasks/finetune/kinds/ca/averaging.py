"""Vectors of n-grams by reciprocal averaging, from labelled and unlabelled documents alike; linear, and almost in closed form.

A document's vector is the mean of its n-grams' vectors, an n-gram's the mean of the vectors of its documents.
Repeated with whitening in between, this is subspace iteration towards the axes of correspondence analysis (Hill 1973,
"Reciprocal averaging: an eigenvector method of ordination"; Benzecri 1973). Two departures: the vectors of documents get
unit length, so that none outweighs another, and a document is divided by the root of its number of n-grams, as in the bag.

Latent semantic analysis, a truncated SVD of TF-IDF, is the nearest relative. On held-out reviews it was 0.02 less accurate:
it gives a rare n-gram a short vector, and the rare ones are those of which the labelled rows say too little.

What is added is read as float16, in half the time, but for the last round's; sums are of float32, and accuracy is the same.

Shapes: N documents, T n-gram ids of all of them, K n-grams, B rows of a block, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch.nn import functional

from tasks.finetune.encode import document_frequency, slices
from tasks.finetune.in_threads import map_in_threads
from tasks.model.ngrams import chunks
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.finetune.documents import Documents

BLOCK = 16_384  # documents whitened at a time
LARGEST = 60_000.0  # sum that float16 holds
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
        return means_ND.addcmul_(shares_N1, self.documents[: len(rows)], value=-1).div_(_roots(rows.offsets))


def reciprocal_averages(
    rows: Documents, num_ngrams: int, *, dim: int, rounds: int, seed: int, progress: Progress = SILENT, cores: int = 1
) -> Averages:
    """Average documents and n-grams by turns `rounds` times from random vectors of documents.

    `cores`: threads of our own in which rows are summed, each with one of torch's; the bits do not depend on them.
    Needs about 4 bytes an n-gram of a document, and 6 * D bytes a distinct n-gram and a document. Equal seeds and numbers of
    threads give equal bits.
    """
    documents_ND = torch.randn(len(rows), dim, generator=torch.Generator().manual_seed(seed))
    return _averaged(rows, torch.empty(num_ngrams, dim), documents_ND, rounds, progress, cores)


def carried_on(averages: Averages, rows: Documents, *, rounds: int, progress: Progress = SILENT, cores: int = 1) -> Averages:
    """Average on over other documents, `rounds` times, from the n-grams' vectors that `averages` ends with; it is used up."""
    documents_ND = averages.features(rows)
    _whiten(documents_ND)
    return _averaged(rows, averages.ngrams, documents_ND, rounds, progress, cores)


def _averaged(
    rows: Documents, ngrams_KD: torch.Tensor, documents_ND: torch.Tensor, rounds: int, progress: Progress, cores: int
) -> Averages:
    """Average n-grams and documents by turns, beginning and ending with n-grams; both tensors are written anew."""
    members, starts = _turned(rows, len(ngrams_KD))
    counts_K = torch.from_numpy(np.diff(starts).astype(np.float32))
    divisors_K1, roots_N1 = counts_K.clamp(min=1)[:, None], _roots(rows.offsets)
    # Vectors are brought down so far that float16 holds their sums. Their numbers are 1 at most, but the random ones at the
    # start are larger, and so are the means of rare n-grams then; in the mean of a frequent one they cancel each other.
    largest = max(1.0, documents_ND.abs().max().item()) if len(rows) else 1.0
    most_K, most_N = (max(int(np.diff(ends).max(initial=0)), 1) for ends in (starts, rows.offsets))
    down_K, down_N = min(1.0, LARGEST / most_K), min(1.0, LARGEST / (most_N * largest))
    for number in range(rounds - 1):
        progress.advance(number, rounds, "rounds", f"averaging {len(rows):,} documents and {len(ngrams_KD):,} n-grams")
        half_KD = _sums((documents_ND * down_K).half(), members, starts, cores=cores)
        half_KD.div_(divisors_K1 * (down_K / down_N))
        _whiten(_sums(half_KD, rows.ids, rows.offsets, out=documents_ND, cores=cores).div_(roots_N1 * down_N))
    progress.advance(rounds - 1, rounds, "rounds", "averaging once more, in full precision")
    _sums(documents_ND, members, starts, out=ngrams_KD, cores=cores).div_(divisors_K1)
    return Averages(ngrams_KD, documents_ND, counts_K)


def _turned(rows: Documents, num_ngrams: int) -> tuple[np.ndarray, np.ndarray]:
    """The documents of each n-gram, one n-gram after another (int32), and where each n-gram begins [K + 1].

    A block of documents at a time: to turn all of them at once SciPy takes five times the memory of the result.
    """
    starts = np.append(0, np.cumsum(document_frequency(rows, num_ngrams)))
    free_K = starts[:-1].copy()
    members_T = np.empty(starts[-1], np.int32)
    before = 0
    for ids, offsets, labels_B in slices(rows):
        block = csr_matrix((np.ones(len(ids), np.int8), ids, offsets), (len(labels_B), num_ngrams)).tocsc()
        counts_K = np.diff(block.indptr)
        members_T[np.repeat(free_K - block.indptr[:-1], counts_K) + np.arange(len(ids))] = block.indices + before
        free_K += counts_K
        before += len(labels_B)
    return members_T, starts


def _whiten(documents_ND: torch.Tensor) -> None:
    """Centre, turn and scale so that the axes are uncorrelated and of equal variance, then bring each row to unit length."""
    documents_ND -= documents_ND.mean(0)
    variance_D, axes_DD = torch.linalg.eigh((documents_ND.T @ documents_ND / max(len(documents_ND), 1)).double())
    real_D = variance_D > SMALLEST * variance_D[-1]
    scale_D = torch.where(real_D, variance_D, torch.inf).rsqrt()
    turn_DD = (axes_DD * scale_D).float()
    for start in range(0, len(documents_ND), BLOCK):
        block_BD = documents_ND[start : start + BLOCK]
        functional.normalize(block_BD @ turn_DD, dim=1, out=block_BD)


def _sums(
    vectors_KD: torch.Tensor,
    ids_T: np.ndarray,
    offsets: np.ndarray,
    weights_K: torch.Tensor | None = None,
    *,
    out: torch.Tensor | None = None,
    cores: int = 1,
) -> torch.Tensor:
    """Sum of the vectors that each row names, times their weights: [rows, D] of the vectors' type, or in `out`.

    Rows are summed in so many threads of our own, if `cores` is more than 1, each with one of torch's: the bits are the same.
    """
    sums_ND = vectors_KD.new_empty(len(offsets) - 1, vectors_KD.shape[1]) if out is None else out

    def add(piece: tuple[int, np.ndarray, np.ndarray]) -> None:
        start, ids, ends = piece
        if cores > 1:
            torch.set_num_threads(1)  # of this thread and of those that begin later; no other changes
        ids_B = torch.from_numpy(ids.astype(np.int32))
        sums_ND[start : start + len(ends) - 1] = functional.embedding_bag(
            ids_B,
            vectors_KD,
            torch.from_numpy(ends.astype(np.int32)),
            mode="sum",
            include_last_offset=True,
            per_sample_weights=None if weights_K is None else weights_K[ids_B],
        )

    def pieces() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        start = 0
        for ids, ends in chunks(ids_T, offsets):
            yield start, ids, ends
            start += len(ends) - 1

    for _ in map_in_threads(add, pieces(), cores):
        pass
    return sums_ND


def _roots(offsets: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.sqrt(np.maximum(np.diff(offsets), 1)).astype(np.float32))[:, None]
