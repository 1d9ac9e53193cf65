"""What word vectors know, through gensim: nearest neighbours of frequent words, and agreement with people on WordSim-353.

Shapes: V words, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gensim.models import KeyedVectors

NUM_WORDS, NUM_NEIGHBOURS = 10, 5
MIN_PAIRS = 10


def judge_vectors(words: Sequence[str], matrix_VD: np.ndarray) -> dict[str, Any]:
    """Report on vectors of words in order of frequency: keys `neighbours` and `wordsim353`."""
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(matrix_VD.shape[1], dtype=np.float32)
    keyed.add_vectors(list(words), matrix_VD)
    return {"neighbours": nearest_neighbours(keyed), "wordsim353": wordsim353(keyed)}


def nearest_neighbours(keyed: KeyedVectors) -> dict[str, list[list[Any]]]:
    """[neighbour, cosine] pairs of the most frequent words that say something, the nearest first."""
    from gensim.parsing.preprocessing import STOPWORDS

    # One or two ASCII letters are mostly remains of words ("s", "t"); one Chinese character can be a word.
    telling = (word for word in keyed.index_to_key if word.isalpha() and word not in STOPWORDS and len(word.encode()) > 2)
    chosen = [word for word, _ in zip(telling, range(NUM_WORDS), strict=False)]
    return {
        word: [[neighbour, round(float(cosine), 4)] for neighbour, cosine in keyed.most_similar(word, topn=NUM_NEIGHBOURS)]
        for word in chosen
    }


def wordsim353(keyed: KeyedVectors) -> dict[str, Any] | None:
    """Spearman's correlation of cosines with people's judgements, over the pairs whose words both have vectors.

    Finkelstein et al. 2002, as in gensim's test data. None if fewer than MIN_PAIRS are covered.
    """
    import pandas as pd
    from gensim.test.utils import datapath
    from scipy.stats import spearmanr

    pairs = pd.read_csv(datapath("wordsim353.tsv"), sep="\t", comment="#", names=["first", "second", "human"])
    for column in ("first", "second"):
        pairs[column] = [word if word in keyed else word.lower() for word in pairs[column]]
    covered = pairs[pairs["first"].isin(keyed.key_to_index) & pairs["second"].isin(keyed.key_to_index)]
    if len(covered) < MIN_PAIRS:
        return None
    cosines = [keyed.similarity(first, second) for first, second in zip(covered["first"], covered["second"], strict=True)]
    if np.ptp(cosines) == 0 or not np.isfinite(cosines).all():
        return None
    correlation = float(spearmanr(cosines, covered["human"]).statistic)
    return {"spearman": round(correlation, 4), "pairs": len(covered), "of": len(pairs)}
