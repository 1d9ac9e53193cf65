"""Find rows that say the same, exactly or nearly.

Near-duplicates are found by locality-sensitive hashing of min-hash signatures (Broder 1997; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3): 8 bands of 4 rows propose pairs, and pairs whose signatures agree in a large enough
share of the 32 positions are joined. A pair of similarity s is proposed with probability 1 - (1 - s^4)^8: 0.985 at 0.8, and
0.9998 at 0.9.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tasks.prepare.minhash import NUM_HASHES, mix

NUM_BANDS = 8
_ROWS = NUM_HASHES // NUM_BANDS
# In a bucket each row is compared with this many that follow it: all pairs of a bucket of ordinary size, and a bound on the
# work when thousands of rows follow one template (those chain through their neighbours).
_WINDOW = 64
_BLOCK = 1 << 16  # rows worked on at once


def exact_firsts(fingerprints: np.ndarray, considered: np.ndarray) -> np.ndarray:
    """Find for each row the first row with the same fingerprint, int32 [N]; a row that is not considered is its own.

    `fingerprints` uint64 [N, 2], which may be memory-mapped; `considered` bool [N].
    """
    firsts = np.arange(len(fingerprints), dtype=np.int32)
    order = np.flatnonzero(considered).astype(np.int32)
    for half in (1, 0):  # stable, so in the end by both halves and then by position; np.lexsort would hold more at once
        order = order[np.argsort(fingerprints[order, half], kind="stable")]
    if len(order) > 1:
        same = np.zeros(len(order), bool)
        for start in range(1, len(order), _BLOCK):
            block = fingerprints[order[start - 1 : start + _BLOCK]]
            same[start : start + _BLOCK] = (block[1:] == block[:-1]).all(axis=1)
        run = np.cumsum(~same, dtype=np.int32) - 1
        firsts[order] = order[~same][run]
    return firsts


def near_groups(signatures: np.ndarray, firsts: np.ndarray, considered: np.ndarray, similarity: float) -> np.ndarray:
    """Number the groups of rows that are linked by near-duplicate pairs, int32 [N]; exact duplicates share a group.

    `signatures` uint32 [N, 32], which may be memory-mapped; `firsts` from `exact_firsts`; `considered` bool [N].
    """
    groups = firsts.copy()
    rows = np.flatnonzero(considered & (firsts == np.arange(len(firsts), dtype=np.int32))).astype(np.int32)
    needed = int(np.ceil(similarity * NUM_HASHES - 1e-9))
    for band in range(NUM_BANDS):
        keys = _band_keys(signatures, rows, band)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        lonely = np.ones(len(keys), bool)
        same = keys[1:] == keys[:-1]
        lonely[1:] &= ~same
        lonely[:-1] &= ~same
        in_bucket = ~lonely
        keys, members = keys[in_bucket], rows[order[in_bucket]]
        del order, lonely, in_bucket, same
        for start in range(0, len(keys), _BLOCK):
            left, right = _similar_pairs(signatures, groups, keys, members, start, needed)
            groups = _joined(groups, left, right)
    return groups


def _band_keys(signatures: np.ndarray, rows: np.ndarray, band: int) -> np.ndarray:
    keys = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), _BLOCK):
        block = signatures[rows[start : start + _BLOCK], band * _ROWS : (band + 1) * _ROWS].astype(np.uint64)
        key = np.zeros(len(block), np.uint64)
        for column in block.T:
            key = mix((key << np.uint64(32) | key >> np.uint64(32)) ^ column)
        keys[start : start + _BLOCK] = key
    return keys


def _similar_pairs(
    signatures: np.ndarray, groups: np.ndarray, keys: np.ndarray, members: np.ndarray, start: int, needed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows in one bucket that agree in `needed` positions and are not in one group yet."""
    lefts, rights = [], []
    for distance in range(1, _WINDOW):
        at = np.arange(start, min(start + _BLOCK, len(keys) - distance))
        at = at[keys[at] == keys[at + distance]]
        if not len(at):
            break
        left, right = members[at], members[at + distance]
        apart = groups[left] != groups[right]
        left, right = left[apart], right[apart]
        similar = (signatures[left] == signatures[right]).sum(axis=1) >= needed
        lefts.append(left[similar])
        rights.append(right[similar])
    return np.concatenate([np.empty(0, np.int32), *lefts]), np.concatenate([np.empty(0, np.int32), *rights])


def _joined(groups: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Groups after joining those of `left` and `right`, pair by pair; a group's number is its first row."""
    if not len(left):
        return groups
    # Only the groups that take part: the whole graph has a node per row, and few have an edge.
    numbers, ends = np.unique(np.concatenate([groups[left], groups[right]]), return_inverse=True)
    edges = coo_matrix((np.ones(len(left), np.int8), (ends[: len(left)], ends[len(left) :])), shape=(len(numbers),) * 2)
    count, component = connected_components(edges, directed=False)
    first = np.full(count, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first, component, numbers)
    at = np.minimum(np.searchsorted(numbers, groups), len(numbers) - 1)
    return np.where(numbers[at] == groups, first[component[at]], groups).astype(np.int32)
