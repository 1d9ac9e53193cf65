from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from tasks.finetune.documents import Documents
from tasks.finetune.kinds.tfidf.train import fitted
from tasks.finetune.lexicon import group_features
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.model.ngram_sum import ngram_sums
from tasks.model.scores import log_softmax
from tasks.progress import SILENT

NUM_NGRAMS = 12


@pytest.fixture
def documents() -> Documents:
    """120 sets of n-grams of 12, one empty; the label is one of three and depends on the first three n-grams."""
    source = np.random.default_rng(3)
    present_NK = source.random((120, NUM_NGRAMS)) < 0.3
    present_NK[7] = False
    labels_N = (present_NK[:, :3] + source.normal(0, 0.4, (120, 3))).argmax(1)
    offsets = np.concatenate([[0], present_NK.sum(1).cumsum()])
    return Documents(np.nonzero(present_NK)[1].astype(np.int32), offsets, labels_N, pa.array(map(str, range(120))))


def present(rows: Documents) -> csr_matrix:
    """1 where a document has an n-gram."""
    return csr_matrix((np.ones(len(rows.ids)), rows.ids, rows.offsets), (len(rows), NUM_NGRAMS))


def weighted(rows: Documents) -> csr_matrix:
    """What the view documents: scikit-learn's weights, by the root of the number of n-grams, of mean square 1."""
    weights = TfidfTransformer(norm=None).fit_transform(present(rows)).toarray()
    weights /= np.sqrt(np.maximum(np.diff(rows.offsets), 1))[:, None]
    return csr_matrix(weights / np.sqrt((weights**2).sum(1).mean()))


@pytest.mark.parametrize("balanced", [False, True])
def test_the_bag_answers_as_logistic_regression_on_tfidf(balanced: bool, documents: Documents) -> None:
    counts_C = np.bincount(documents.labels)
    importance_N = (len(documents) / (3 * counts_C))[documents.labels] if balanced else None
    weights = fitted(documents, NUM_NGRAMS, 3, importance_N, SILENT, c=10.0)
    likely_NC = log_softmax(ngram_sums(documents.ids, documents.offsets, *weights))
    features_NK = weighted(documents)
    theirs = LogisticRegression(C=10.0, class_weight="balanced" if balanced else None, tol=1e-8, max_iter=2000)
    theirs.fit(features_NK, documents.labels)
    np.testing.assert_allclose(np.exp(likely_NC), theirs.predict_proba(features_NK), atol=1e-3)


@pytest.mark.parametrize(("share", "lexicon"), [(0.5, False), (1.0, False), (1.0, True)])
def test_with_naive_bayes_it_answers_as_regression_on_features_times_log_ratios(
    share: float, *, lexicon: bool, documents: Documents
) -> None:
    """Wang & Manning's features for two classes; a share between is both sorts side by side, with a lexicon its groups too."""
    documents = replace(documents, labels=(documents.labels == 2).astype(np.int64))
    counts_KG = np.eye(NUM_NGRAMS)[:, 5:7] if lexicon else None
    weights = fitted(documents, NUM_NGRAMS, 2, None, SILENT, c=10.0, naive_bayes=share, counts_KG=counts_KG)
    likely_NC = log_softmax(ngram_sums(documents.ids, documents.offsets, *weights))
    present_NK = present(documents).toarray()
    with_K, without_K = (present_NK[documents.labels == label].sum(0) + 1 for label in (1, 0))
    ratios_NK = present_NK * (np.log(with_K / with_K.sum()) - np.log(without_K / without_K.sum()))
    ratios_NK /= np.sqrt(np.maximum(present_NK.sum(1), 1))[:, None]
    ratios_NK /= np.sqrt((ratios_NK**2).sum(1).mean())
    features_NK = np.hstack([np.sqrt(1 - share) * weighted(documents).toarray(), np.sqrt(share) * ratios_NK])
    if counts_KG is not None:
        features_NK = np.hstack([features_NK, group_features(documents, counts_KG)[0]])
    theirs = LogisticRegression(C=20.0, tol=1e-8, max_iter=2000)  # one vector of weights, where two share the penalty
    theirs.fit(features_NK, documents.labels)
    np.testing.assert_allclose(np.exp(likely_NC), theirs.predict_proba(features_NK), atol=1e-3)


def test_with_naive_bayes_an_n_gram_that_tells_nothing_weighs_nothing() -> None:
    """The first is in every document, the second in half of each class, the third and fourth in one class alone."""
    labels_N = np.arange(40) % 2
    rows = [[0, *([1] if number % 4 < 2 else []), 2 + label] for number, label in enumerate(labels_N)]
    offsets = np.cumsum([0, *map(len, rows)])
    ids = np.array([ngram for row in rows for ngram in row], np.int32)
    documents = Documents(ids, offsets, labels_N, pa.array(map(str, range(40))))
    weights_KC, _ = fitted(documents, 4, 2, None, SILENT, c=10.0, naive_bayes=1.0)
    assert np.abs(weights_KC[:2]).max() < 1e-6 < 0.5 < np.abs(weights_KC[2:]).min()
    assert weights_KC[2, 0] > 0 > weights_KC[3, 0]


def test_a_heavier_penalty_gives_smaller_weights_and_leaves_the_bias_free(documents: Documents) -> None:
    features_NK = weighted(documents)
    light, heavy = (logistic_regression(features_NK, documents.labels, 3, l2, solver=Solver(500)) for l2 in (1e-3, 1e3))
    assert np.abs(heavy[0]).max() < 1e-3 < np.abs(light[0]).max()
    prior_C = np.exp(heavy[1]) / np.exp(heavy[1]).sum()
    np.testing.assert_allclose(prior_C, np.bincount(documents.labels) / len(documents), atol=1e-3)


def test_without_a_single_n_gram_it_answers_with_the_prior() -> None:
    empty = Documents(np.zeros(0, np.int32), np.zeros(5, np.int64), np.array([0, 0, 0, 1]), pa.array(list("abcd")))
    weights = fitted(empty, 0, 2, None, SILENT, c=10.0)
    logits_BC = ngram_sums(np.zeros(0, np.int32), np.array([0, 0]), *weights)
    np.testing.assert_allclose(np.exp(log_softmax(logits_BC)), [[0.75, 0.25]], atol=1e-3)
