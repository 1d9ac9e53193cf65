"""Which unlabelled texts would teach a model most: those that it is unsure of, and that many others are like.

Margin sampling (Scheffer, Decomain & Wrobel 2001) weighted by information density (Settles & Craven 2008): 1 less the
distance between the two likeliest labels, times a power of the mean cosine similarity to all candidates. Of near-duplicates
one is taken. A share is drawn at random among the rest, so that labels of these rows tell how often the model is right.

Shapes: N texts, C labels, D features.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.prepare.documents import pack
from tasks.prepare.duplicates import exact_firsts, near_groups
from tasks.prepare.minhash import signatures, token_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

DENSITY = 0.5  # the power; docs/REVIEW.md has what others came to
SIMILARITY = 0.8  # of min-hash signatures from which two texts are one
_FEATURES = 1 << 18
_BATCH = 4096


class Choice(NamedTuple):
    """Positions of the chosen texts: those that teach most, the best first, and those drawn at random; `score` float64 [N]."""

    teaching: np.ndarray
    random: np.ndarray
    score: np.ndarray


def choose(
    texts: Sequence[str], probabilities_NC: np.ndarray, rows: int, *, random_share: float, seed: int, density: float = DENSITY
) -> Choice:
    """Choose `rows` texts, `random_share` of them at random; fewer if there are not so many that differ."""
    if not len(texts):
        return Choice(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    score_N = margins(probabilities_NC)
    if density:
        score_N = score_N * densities(texts) ** density
    firsts = _one_of_each(texts, score_N)
    num_random = min(round(rows * random_share), len(firsts))
    drawn = np.sort(np.random.default_rng(seed).permutation(firsts)[:num_random])
    left = np.setdiff1d(firsts, drawn)
    order = left[np.lexsort((left, -score_N[left]))]
    return Choice(order[: rows - num_random], drawn, score_N)


def margins(probabilities_NC: np.ndarray) -> np.ndarray:
    """1 less the distance between the two likeliest labels: float64 [N]; 1 where they are equally likely."""
    if probabilities_NC.shape[1] < 2:
        return np.zeros(len(probabilities_NC))
    two_N2 = np.partition(probabilities_NC.astype(np.float64), -2, axis=1)[:, -2:]
    return 1.0 - (two_N2[:, 1] - two_N2[:, 0])


def densities(texts: Sequence[str]) -> np.ndarray:
    """The mean cosine similarity of each text to all: float64 [N]; of words, or of characters where nothing parts words.

    Features are hashed, weighted by inverse document frequency, and each text has length 1, so the mean of the similarities is
    the similarity to the mean.
    """
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    how = {"analyzer": "char", "ngram_range": (1, 2)} if _is_unspaced(texts) else {"token_pattern": r"(?u)\b\w+\b"}
    counts_ND = HashingVectorizer(n_features=_FEATURES, alternate_sign=False, norm=None, **how).transform(texts)
    weighted_ND = TfidfTransformer(sublinear_tf=True).fit_transform(counts_ND)
    mean_D = np.asarray(weighted_ND.mean(axis=0)).ravel()
    return np.asarray(weighted_ND @ mean_D).ravel()


def _one_of_each(texts: Sequence[str], score_N: np.ndarray) -> np.ndarray:
    """Positions of texts no two of which are near-duplicates, the best scored of each group: int64."""
    signed, fingerprints = _signatures(texts)
    considered = np.ones(len(texts), bool)
    groups = near_groups(signed, exact_firsts(fingerprints, considered), considered, SIMILARITY)
    order = np.lexsort((np.arange(len(texts)), -score_N))
    _, best = np.unique(groups[order], return_index=True)
    return np.sort(order[best])


def _signatures(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Min-hash signatures uint32 [N, 32] of the texts' words (characters where nothing parts them), fingerprints [N, 2]."""
    unspaced = _is_unspaced(texts)
    signed, digests = [], []
    for start in range(0, len(texts), _BATCH):
        words = [text.casefold().split() for text in texts[start : start + _BATCH]]
        if unspaced:
            words = [list("".join(each)) for each in words]
        joined = ["\n".join(each).encode("utf-8", "replace") for each in words]
        counts = np.fromiter(map(len, words), np.int32, len(words))
        _, utf8, starts = pack(joined, counts)
        signed.append(signatures(token_hashes(utf8, starts), counts))
        digests += [hashlib.blake2b(each, digest_size=16).digest() for each in joined]
    return np.concatenate(signed), np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)


def _is_unspaced(texts: Sequence[str]) -> bool:
    """Whether the texts are of a script that parts no words, told by the first hundred."""
    some = texts[:100]
    return sum(map(len, some)) > 15 * sum(len(text.split()) for text in some)
