"""Tell old texts from new ones: how well a small classifier can, and by which words.

Where nothing has changed, no classifier can tell the day of a text, and the area under its ROC curve (AUC) is 0.5: a test of
whether two samples are of one distribution (Lopez-Paz & Oquab 2017, "Revisiting Classifier Two-Sample Tests"; for drift of
text Rabanser, Guennemann & Lipton 2019, "Failing Loudly"). The classifier is logistic regression on the words of a text, each
once. Every text is scored by a model that has not seen its day. Documents of one day resemble each other, so the
interval is of draws of whole days (a bootstrap by clusters).

Shapes: N texts, V words, D days, R draws.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tasks.log_odds import PRIOR_WORDS, log_odds
from tasks.model.text.scripts import UNSPACED
from tasks.model.text.tokenize import TextToTokens
from tasks.prepare.word_lists import LISTS, listed_stop_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_matrix

FOLDS, DRAWS, SEED = 5, 500, 13
MIN_TEXTS = 3  # that have a word which counts
READ_CHARS = 2_000  # of a text
CHANCE = 0.05  # words that are shown where nothing has changed
MIN_SHOWN = 3  # new texts with a word that is shown
_WORD, _UNSPACED = re.compile(r"[^\W\d_](?:[\w'\u2019-]*[^\W_])?"), re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True)
class Apart:
    """How well new texts are told from old ones: the AUC with its 95% interval, and each text's score (float64 [N])."""

    auc: float
    low: float
    high: float
    scores: np.ndarray


@dataclass(frozen=True)
class Words:
    """The distinct words of texts: `has` is 1 where a text has a word, sparse [N, V], of the `names` [V]."""

    has: csr_matrix
    names: np.ndarray

    def of(self, rows: np.ndarray) -> Words:
        """Those of some texts."""
        return Words(self.has[rows], self.names)

    def with_traits(self, has: Sequence[np.ndarray]) -> Words:
        """The words, and traits of the texts (bool [N] each) as further ones, without names."""
        from scipy.sparse import csr_matrix, hstack

        if not has:
            return self
        traits = csr_matrix(np.stack(has, axis=1).astype(np.float64))
        return Words(hstack([self.has, traits], format="csr"), np.concatenate([self.names, np.full(len(has), "")]))


def words_of(texts: Sequence[str]) -> Words:
    """The words that at least MIN_TEXTS of the texts have, in lower case; Chinese and others by jieba."""
    from scipy.sparse import csr_matrix  # as below: sklearn and scipy take a second, only where there are documents

    found = [sorted(_distinct(text[:READ_CHARS].lower())) for text in texts]
    names, numbers_T = np.unique(np.array([word for each in found for word in each], dtype=np.str_), return_inverse=True)
    rows_T = np.repeat(np.arange(len(texts)), [len(each) for each in found])
    often_V = np.bincount(numbers_T, minlength=len(names)) >= MIN_TEXTS
    kept_T, place_V = often_V[numbers_T], np.cumsum(often_V) - 1
    ones_T = np.ones(int(kept_T.sum()), np.float64)
    shape = (len(texts), int(often_V.sum()))
    return Words(csr_matrix((ones_T, (rows_T[kept_T], place_V[numbers_T[kept_T]])), shape=shape), names[often_V])


def tell_apart(words: Words, new_N: np.ndarray, days_N: np.ndarray) -> Apart:
    """Score every text by a model that did not see its day; `new_N` says which texts are new, `days_N` numbers their days."""
    folds_N = _folds(new_N, days_N)
    scores_N = np.zeros(len(new_N))
    for fold in range(FOLDS):
        held_N = folds_N == fold
        if held_N.any() and len(np.unique(new_N[~held_N])) == 2 and words.has.shape[1]:
            scores_N[held_N] = _scored(words.has[~held_N], new_N[~held_N], words.has[held_N])
    return measured(scores_N, new_N, days_N)


def measured(scores_N: np.ndarray, new_N: np.ndarray, days_N: np.ndarray) -> Apart:
    """The AUC of scores, with its interval by draws of days of either side; 0.5 where a side has no text."""
    if new_N.all() or not new_N.any():
        return Apart(0.5, 0.5, 0.5, scores_N)
    auc = _auc(scores_N, new_N, np.ones((1, len(new_N))))[0]
    source = np.random.default_rng(SEED)
    weights_RN = np.ones((DRAWS, len(new_N)))
    for side in (False, True):
        own_N = new_N == side
        days, place_M = np.unique(days_N[own_N], return_inverse=True)
        if len(days) > 1:
            drawn_RD = source.multinomial(len(days), np.full(len(days), 1 / len(days)), size=DRAWS)
        else:  # one day: draws of texts
            place_M = np.arange(int(own_N.sum()))
            drawn_RD = source.multinomial(len(place_M), np.full(len(place_M), 1 / max(len(place_M), 1)), size=DRAWS)
        weights_RN[:, own_N] = drawn_RD[:, place_M]
    low, high = np.quantile(_auc(scores_N, new_N, weights_RN), [0.025, 0.975])
    return Apart(float(auc), float(low), float(high), scores_N)


def telling(words: Words, these_N: np.ndarray, others_N: np.ndarray, number: int, by_chance: float = CHANCE) -> list[str]:
    """The words, at most `number`, that some texts have more of than others do; at most `by_chance` of them by chance.

    Ranked by log-odds with an informative Dirichlet prior (tasks/log_odds.py); stop words are left out.
    """
    from scipy.stats import norm

    here_V, there_V = (np.asarray(words.has[rows].sum(0)).ravel() for rows in (these_N, others_N))
    kept_V = here_V + there_V > 0
    names, here_V, there_V = words.names[kept_V], here_V[kept_V], there_V[kept_V]
    all_V = here_V + there_V
    if len(all_V) < 2:
        return []
    deviate_V = log_odds(here_V, there_V, PRIOR_WORDS * all_V / all_V.sum())
    said_V = np.array([name not in _stop_words() for name in names.tolist()], bool)
    out_V = said_V & (here_V >= MIN_SHOWN) & (deviate_V >= norm.isf(min(0.5, by_chance / len(all_V))))
    order_V = np.lexsort((names, -deviate_V))
    return [str(names[v]) for v in order_V[out_V[order_V]][:number]]


def _scored(rows: csr_matrix, new_N: np.ndarray, others: csr_matrix) -> np.ndarray:
    """Fit on some rows, and score others by their log-odds of being new."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    weigh = TfidfTransformer().fit(rows)
    model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=SEED)
    model.fit(weigh.transform(rows), new_N)
    scores: np.ndarray = model.decision_function(weigh.transform(others))
    return scores


def _folds(new_N: np.ndarray, days_N: np.ndarray) -> np.ndarray:
    """The fold of each text, int64 [N]: days one after another; texts one after another where a side has too few days."""
    folds_N = np.zeros(len(new_N), np.int64)
    for side in (False, True):
        own_N = new_N == side
        days, place_M = np.unique(days_N[own_N], return_inverse=True)
        folds_N[own_N] = (place_M if len(days) >= FOLDS else np.arange(int(own_N.sum()))) % FOLDS
    return folds_N


def _auc(scores_N: np.ndarray, new_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """The AUC under weights, float64 [R]; a tie is half right. 0.5 where a side weighs nothing."""
    order_N = np.argsort(scores_N, kind="stable")
    starts_K = np.flatnonzero(np.diff(scores_N[order_N], prepend=-np.inf))  # of equal scores
    new_RK, old_RK = (np.add.reduceat(weights_RN[:, order_N] * side_N[order_N], starts_K, axis=1) for side_N in (new_N, ~new_N))
    below_RK = np.cumsum(old_RK, axis=1) - old_RK / 2
    pairs_R = new_RK.sum(1) * old_RK.sum(1)
    return np.where(pairs_R > 0, (new_RK * below_RK).sum(1) / np.maximum(pairs_R, 1e-9), 0.5)


def _distinct(text: str) -> set[str]:
    if _UNSPACED.search(text):  # Chinese shows no borders of words
        text = " ".join(_words_of_jieba().tokens(text))
    return set(_WORD.findall(text.replace("\u2019", "'")))


@cache
def _stop_words() -> set[str]:
    return {word.lower() for language in LISTS for word in listed_stop_words(language)}


@cache
def _words_of_jieba() -> TextToTokens:
    settings = {"html": False, "lowercase": True, "numbers": "keep", "punctuation": "drop", "width": "keep", "han": "keep"}
    return TextToTokens(settings | {"tokenizer": "jieba", "stop_words": [], "user_dictionary": []})
