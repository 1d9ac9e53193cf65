"""The character n-grams of words, as fastText cuts and hashes them, without fastText.

The n-grams of `<word>` from `minn` to `maxn` characters are hashed into the bucket rows of the input matrix. Method:
Bojanowski et al. 2017 (arXiv 1607.04606); the hash and its quirks are those of `Dictionary::hash` and
`Dictionary::computeSubwords` in fastText's dictionary.cc, matched bit by bit.

Shapes: N words, P character positions of all words together, G n-grams, B bucket rows, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
END_OF_SENTENCE = "</s>"

# Words a pass: with about 30 n-grams a word and 100 dimensions, gathered rows stay near 25 MB.
CHUNK = 2048


def sum_ngram_rows(words: Sequence[str], table_BD: np.ndarray, minn: int, maxn: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum the bucket rows of each word's n-grams: float32 [N, D], and how many n-grams there were: int64 [N]."""
    sums_ND = np.zeros((len(words), table_BD.shape[1]), dtype=np.float32)
    num_ngrams_N = np.zeros(len(words), dtype=np.int64)
    for start in range(0, len(words), CHUNK):
        owners_G, buckets_G = hash_ngrams(words[start : start + CHUNK], minn, maxn, table_BD.shape[0])
        if not len(owners_G):
            continue
        first = np.flatnonzero(np.diff(owners_G, prepend=-1))
        rows_GD = table_BD[buckets_G].astype(np.float32, copy=False)
        sums_ND[start + owners_G[first]] = np.add.reduceat(rows_GD, first, axis=0)
        num_ngrams_N[start + owners_G[first]] = np.diff(np.append(first, len(owners_G)))
    return sums_ND, num_ngrams_N


def hash_ngrams(words: Sequence[str], minn: int, maxn: int, bucket: int) -> tuple[np.ndarray, np.ndarray]:
    """Hash the n-grams of all words: which word each belongs to (ascending, int64 [G]) and its bucket row (int64 [G]).

    Every position of every word advances at once, a byte at a time, so the loops run at most 4 * maxn times in all.
    """
    # fastText never splits its end-of-sentence mark; a lone surrogate has no UTF-8 and can be in no training text.
    encoded = [b"" if word == END_OF_SENTENCE else b"<" + word.encode("utf-8", "replace") + b">" for word in words]
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    if maxn < max(minn, 1) or bucket < 1 or not len(text):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    lengths_N = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    ends_N = np.cumsum(lengths_N)
    # The end of the text counts as the start of a character, so that every character has a byte after it.
    starts_character = np.append((text & 0xC0) != 0x80, True)
    starts_P = np.flatnonzero(starts_character[:-1])
    owners_P = np.searchsorted(ends_N, starts_P, side="right")
    begins_word_P = starts_P == (ends_N - lengths_N)[owners_P]
    word_end_P = ends_N[owners_P]
    # fastText XORs each byte as int8 widened to 32 bits, so bytes from 0x80 also flip the upper three bytes.
    widened = text.astype(np.int8).astype(np.int32).view(np.uint32)

    at_P, hash_P = starts_P.copy(), np.full(len(starts_P), FNV_OFFSET, dtype=np.uint32)
    alive = np.arange(len(starts_P))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for n in range(1, maxn + 1):
        moving = alive
        while len(moving):
            hash_P[moving] = (hash_P[moving] ^ widened[at_P[moving]]) * np.uint32(FNV_PRIME)
            at_P[moving] += 1
            moving = moving[~starts_character[at_P[moving]]]
        if n >= minn:
            # A single character at either edge is one of the marks `<` and `>`, and fastText leaves it out.
            kept = alive[~(begins_word_P[alive] | (at_P[alive] == word_end_P[alive]))] if n == 1 else alive
            found.append((kept, (hash_P[kept] % np.uint32(bucket)).astype(np.int64)))
        alive = alive[at_P[alive] < word_end_P[alive]]
    positions_G = np.concatenate([kept for kept, _ in found])
    # Stable, and positions ascend with words: the order is fastText's own.
    order = np.argsort(positions_G, kind="stable")
    return owners_P[positions_G[order]], np.concatenate([buckets for _, buckets in found])[order]
