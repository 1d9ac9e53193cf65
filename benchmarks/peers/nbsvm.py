"""NB-weighted uni-, bi- and trigrams and a linear model (Wang & Manning 2012, "Baselines and Bigrams").

Presence of an n-gram times its log-count ratio between a label and all others, one linear model a label; logistic loss in the
place of the hinge, as in the authors' later comparisons (Mesnil et al. 2014).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.peer import Stages, parser, run_peer
from benchmarks.peers.words import words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.peers.corpus import Corpus


def classify(corpus: Corpus, stages: Stages, arguments: argparse.Namespace) -> Sequence[str]:
    """Labels of the test documents."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    # The pattern is None because words() cuts in its place.
    shape = {"ngram_range": (1, 3), "binary": True, "min_df": 2}
    vectorizer = CountVectorizer(tokenizer=words, token_pattern=None, lowercase=False, **shape)
    with stages.stage("vectorize"):
        train_NV = vectorizer.fit_transform(document.text for document in corpus.train)
        test_NV = vectorizer.transform(document.text for document in corpus.test)
    names, label_N = np.unique([document.label for document in corpus.train], return_inverse=True)
    scores_MC = np.empty((len(corpus.test), len(names)))
    with stages.stage("train"):
        # Of two labels the second's model says all: the first's is its mirror image.
        for label in range(1 if len(names) == 2 else 0, len(names)):
            member_N = label_N == label
            ratio_V = log_count_ratio(train_NV, member_N)
            model = LogisticRegression(C=1.0, solver="liblinear").fit(train_NV.multiply(ratio_V).tocsr(), member_N)
            scores_MC[:, label] = model.decision_function(test_NV.multiply(ratio_V).tocsr())
        if len(names) == 2:
            scores_MC[:, 0] = -scores_MC[:, 1]
    return names[scores_MC.argmax(1)].tolist()


def log_count_ratio(presence_NV: Any, member_N: np.ndarray) -> np.ndarray:
    """log((p + 1) / |p + 1|) - log((q + 1) / |q + 1|) of the n-grams' counts in a label and outside it: float64 [V]."""
    inside_V = np.asarray(presence_NV[member_N].sum(0)).ravel() + 1.0
    outside_V = np.asarray(presence_NV[~member_N].sum(0)).ravel() + 1.0
    return np.log(inside_V / inside_V.sum()) - np.log(outside_V / outside_V.sum())


if __name__ == "__main__":
    run_peer(classify, parser().parse_args())
