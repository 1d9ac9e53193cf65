"""Min-hash signatures of documents by token shingles, vectorised.

Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", chapter 3. Two documents agree in one position of their signatures with a probability that equals the Jaccard
similarity of their shingle sets. Hashes are 64-bit and multiplicative: good against chance, not against an adversary.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

NUM_HASHES = 32
SHINGLE = 5  # tokens; shorter documents are one shingle as a whole

_BASE = 0x9E3779B97F4A7C15  # odd, from the golden ratio: the usual multiplier of Fibonacci hashing
_ONE = np.uint64(1)
_INVERSE = pow(_BASE, -1, 1 << 64)
_BLOCK_BYTES = 1 << 16  # of tokens hashed at once: the working arrays stay in the processor's cache
_BLOCK_SHINGLES = 1 << 16  # as many, for the same reason
_random = np.frombuffer(hashlib.shake_256(b"textmill min-hash").digest(8 * (2 * NUM_HASHES + SHINGLE)), dtype="<u8")
_FACTORS = _random[:NUM_HASHES] | _ONE
_ADDENDS = _random[NUM_HASHES : 2 * NUM_HASHES]
_PLACES = _random[2 * NUM_HASHES :] | _ONE


def mix(values: np.ndarray) -> np.ndarray:
    """Spread uint64 values over all 64 bits, in place (MurmurHash3's finalizer); returns them."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values ^= values >> np.uint64(33)
        values *= np.uint64(factor)
    values ^= values >> np.uint64(33)
    return values


def token_hashes(utf8: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each token, uint64 [T].

    `utf8` uint8: the bytes of all tokens on end; `starts` int64 [T + 1]: where each begins, and the end. No token is empty.
    A token's hash is the sum of its bytes, each plus one and times base to the power of its place in the token. A block of
    tokens is weighted by place in the block, and each sum then divided by base to the power of where the token begins.
    """
    hashes = np.empty(len(starts) - 1, np.uint64)
    begin = 0
    while begin < len(hashes):
        end = max(begin + 1, int(np.searchsorted(starts, starts[begin] + _BLOCK_BYTES, "right")) - 1)
        edges = starts[begin : end + 1]
        first, size = edges[:-1] - edges[0], int(edges[-1] - edges[0])
        weights = utf8[edges[0] : edges[-1]] + _ONE
        weights *= _powers(_BASE, max(size, _BLOCK_BYTES) + 1)[1 : size + 1]
        hashes[begin:end] = np.add.reduceat(weights, first) * _powers(_INVERSE, _BLOCK_BYTES)[first]
        begin = end
    return mix(hashes)


def signatures(hashes: np.ndarray, num_tokens: np.ndarray) -> np.ndarray:
    """Min-hash signatures, uint32 [N, NUM_HASHES], from the hashes [T] of all documents' tokens and the tokens in each [N].

    A document without tokens gets a row of zeros.
    """
    result = np.zeros((len(num_tokens), NUM_HASHES), np.uint32)
    filled = num_tokens > 0
    if not filled.any():
        return result
    shingles, starts = _shingles(hashes, num_tokens[filled].astype(np.int64))
    columns = np.empty((NUM_HASHES, len(starts)), np.uint32)
    ends = np.append(starts[1:], len(shingles))
    begin = 0
    while begin < len(starts):
        end = max(begin + 1, int(np.searchsorted(ends, starts[begin] + _BLOCK_SHINGLES, "right")))
        _min_hashes(shingles[starts[begin] : ends[end - 1]], starts[begin:end] - starts[begin], columns[:, begin:end])
        begin = end
    result[filled] = columns.T
    return result


def _min_hashes(shingles: np.ndarray, starts: np.ndarray, columns: np.ndarray) -> None:
    """Fill `columns` [NUM_HASHES, documents] for the documents whose shingles begin at `starts`."""
    scratch = np.empty_like(shingles)
    for j in range(NUM_HASHES):
        np.multiply(shingles, _FACTORS[j], out=scratch)
        scratch += _ADDENDS[j]
        # The smallest of the 64-bit values has the smallest upper half.
        columns[j] = np.minimum.reduceat(scratch, starts) >> np.uint64(32)


def _shingles(hashes: np.ndarray, num_tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the shingles of all documents on end, and where each document's begin; every document has tokens."""
    gap = SHINGLE - 1
    ends = np.cumsum(num_tokens)
    shift = gap * np.arange(len(num_tokens))
    # Zeros between documents: no shingle spans two of them, and a short document's missing tokens add nothing.
    padded = np.zeros(len(hashes) + gap * len(num_tokens), np.uint64)
    padded[np.arange(len(hashes)) + np.repeat(shift, num_tokens)] = hashes
    sums = padded * _PLACES[0]
    for k in range(1, SHINGLE):
        sums[:-k] += padded[k:] * _PLACES[k]
    counts = np.maximum(num_tokens - gap, 1)
    starts = np.cumsum(counts) - counts
    at = np.arange(int(counts.sum())) + np.repeat(ends - num_tokens + shift - starts, counts)
    return mix(sums[at]), starts


@lru_cache(maxsize=8)
def _powers(base: int, count: int) -> np.ndarray:
    """The powers of `base`, from the zeroth on: uint64 [count]."""
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, out=powers)
