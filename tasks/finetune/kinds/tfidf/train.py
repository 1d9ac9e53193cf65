"""Logistic regression on n-grams weighted by inverse document frequency. Nothing in it is random.

On a few thousand sentences it is more accurate than the bag, whose steps fit rare n-grams too well; its objective is convex, so
training reaches its minimum. A document's features are a sum over its n-grams, so the fitted model is one weight an n-gram and
class, with a vocabulary of its own.

Shapes: N documents, K n-grams, C classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, hstack

from tasks.finetune.class_weights import class_weights
from tasks.finetune.encode import FITTED, REFITTED, NumberedWords
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.tfidf.settings import TfidfSettings
from tasks.finetune.lexicon import group_features
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.finetune.rows import check_rows, least_documents, longest_ngram
from tasks.model.ngram_sum import BIAS, WEIGHTS, ngram_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.documents import Documents
    from tasks.finetune.settings import FinetuneConfig
    from tasks.progress import Progress

VIEW = "tfidf"
STEPS = 500  # of L-BFGS at most
FEW_ROWS, FEW_ROWS_A_CLASS = 1000, 25  # below either, words of one document count too; docs/MODELS.md has the measurements
CLASSES_FOR_SHORT_NGRAMS = 20  # from which longer n-grams of so few rows a class do not


def train_tfidf(job: Job) -> list[Trained]:
    """Fit on the train rows; the vocabulary goes to the folder `tfidf` of the model's.

    With `refit` n-grams, their weights and the regression are found anew on train and valid rows together. Equal inputs give
    equal bits, and a killed call has nothing to resume. Needs about 30 bytes an n-gram of a document.
    """
    config, scratch = job.config, job.scratch / VIEW
    scratch.mkdir(exist_ok=True)
    job.progress.advance(0, STEPS, "steps", "counting n-grams")
    words = job.ngram_rows.words()
    check_rows(*(words.splits[split] for split in REFITTED))
    (job.folder / VIEW).mkdir()
    fit = _Fit(job, words, FITTED)
    valid = words.documents(("valid",), fit.vocabulary, scratch / "valid.ngrams")
    made = Trained(
        logits=ngram_sums(valid.ids, valid.offsets, *fit.weights),
        labels=valid.labels,
        shape=asdict(fit.limits),
        tensors=fit.tensors,
    )
    if config.refit:
        fit = _Fit(job, words, REFITTED)
        made = replace(made, tensors=fit.tensors, refit={"epochs": 0, "rows": len(fit.rows), "resumed_from_epoch": 0})
    return [made]


@dataclass(frozen=True)
class Limits:
    """Which n-grams count: of up to `longest` words, in at least so many documents, single words in so many."""

    longest: int
    min_documents: int
    word_min_documents: int

    @classmethod
    def of(cls, config: FinetuneConfig, num_rows: int, num_classes: int, *, characters: bool) -> Limits:
        """The limits as asked for; what is left to us follows from the rows and classes that are fitted.

        A word that names a class of a few rows may be in one of them alone, and of so few the longer n-grams that come twice
        are mostly chance. Where words are single `characters` it takes two of them to name anything.
        """
        few = num_rows < FEW_ROWS_A_CLASS * num_classes
        asked = config.settings(TfidfSettings).min_documents
        longest, least = longest_ngram(config), least_documents(asked)
        if config.ngrams == "auto" and few and num_classes >= CLASSES_FOR_SHORT_NGRAMS:
            longest = 2 if characters else 1
        tiny = asked == "auto" and (few or num_rows < FEW_ROWS)
        return cls(longest, least, 1 if tiny else least)


class _Fit:
    """The n-grams of the rows of `splits`, saved, and the weights that were fitted on those rows."""

    def __init__(self, job: Job, words: NumberedWords, splits: Sequence[str]) -> None:
        config = job.config
        num_rows = sum(len(words.splits[split]) for split in splits)
        self.limits = Limits.of(config, num_rows, len(job.labels), characters=words.characters)
        self.vocabulary = words.ngrams(
            splits,
            longest=self.limits.longest,
            min_documents=self.limits.min_documents,
            word_min_documents=self.limits.word_min_documents,
        )
        counts_KG = None
        if job.lexicon is not None:
            self.vocabulary, counts_KG = job.lexicon.joined_to(self.vocabulary)
        self.vocabulary.save(job.folder / VIEW)
        self.rows = words.documents(splits, self.vocabulary, job.scratch / VIEW / "rows.ngrams")
        weights_C = class_weights(self.rows.labels, job.class_weights)
        importance_N = None if weights_C is None else weights_C[self.rows.labels]
        size, settings = (len(self.vocabulary), len(job.labels)), config.settings(TfidfSettings)
        self.weights = fitted(
            self.rows,
            *size,
            importance_N,
            job.progress,
            c=settings.c,
            naive_bayes=settings.naive_bayes,
            counts_KG=counts_KG,
        )

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The weights as they are stored."""
        return {f"{VIEW}.{name}": value for name, value in zip((WEIGHTS, BIAS), self.weights, strict=True)}


def fitted(
    rows: Documents,
    num_ngrams: int,
    num_classes: int,
    importance_N: np.ndarray | None,
    progress: Progress,
    *,
    c: float,
    naive_bayes: float = 0.0,
    counts_KG: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [K, C] and bias [C] of a sum of n-grams that gives what logistic regression on weighted n-grams gives; float32.

    As scikit-learn's TF-IDF (smoothed, n-grams counted once a document), but a document is divided by the root of its number
    of n-grams, as the bag divides, in place of its own length; that is 1 in the mean square over the documents. On Financial
    PhraseBank both come to the same. `c` is scikit-learn's C, `naive_bayes` the setting. With a lexicon, `counts_KG`, each of
    its groups is one more feature.
    """
    counts_K = np.bincount(rows.ids, minlength=num_ngrams)
    weights_K = np.log((1 + len(rows)) / (1 + counts_K)) + 1
    roots_N = np.sqrt(np.maximum(np.diff(rows.offsets), 1))
    squares_N = csr_matrix((weights_K[rows.ids] ** 2, rows.ids, rows.offsets), (len(rows), num_ngrams)).sum(1)
    weights_K /= np.sqrt((np.asarray(squares_N).ravel() / roots_N**2).mean()) or 1.0
    shares_T = weights_K[rows.ids] / np.repeat(roots_N, np.diff(rows.offsets))
    features_NK = csr_matrix((shares_T, rows.ids, rows.offsets), (len(rows), num_ngrams))
    reach_KC = None if naive_bayes == 0 else _reach(rows, weights_K, num_classes, naive_bayes)
    scale_G = np.zeros(0)
    if counts_KG is not None:
        features_NG, scale_G = group_features(rows, counts_KG)
        features_NK = hstack([features_NK, csr_matrix(features_NG)], format="csr")
        if reach_KC is not None:
            reach_KC = np.concatenate([reach_KC, np.ones((counts_KG.shape[1], num_classes))])
    l2 = 1 / (c * len(rows))

    def advance(step: int) -> None:
        progress.advance(step, STEPS, "steps", f"logistic regression on {num_ngrams:,} n-grams")

    fitted_KC, bias_C = logistic_regression(
        features_NK, rows.labels, num_classes, l2, importance_N, solver=Solver(STEPS), reach_FC=reach_KC, advance=advance
    )
    weights_KC = np.zeros((max(num_ngrams, 1), num_classes), np.float32)  # one row where no n-gram counts: nothing reads it
    weights_KC[:num_ngrams] = weights_K[:, None] * fitted_KC[:num_ngrams]
    if counts_KG is not None:
        weights_KC[:num_ngrams] += counts_KG @ (scale_G[:, None] * fitted_KC[num_ngrams:])
    return weights_KC, bias_C.astype(np.float32)


def _reach(rows: Documents, weights_K: np.ndarray, num_classes: int, naive_bayes: float) -> np.ndarray:
    """How far the weight of an n-gram for a class may go, by that of its inverse document frequency: float64 [K, C].

    Naive Bayes' log ratio compares how often a class has the n-gram with how often the others have it. Features times these
    ratios are those of Wang & Manning 2012, "Baselines and bigrams: simple, good sentiment and topic classification", here for
    any number of classes. A share between 0 and 1 is what a sum of two weights would be allowed, one on each sort of features.
    """
    num_ngrams, lengths_N = len(weights_K), np.diff(rows.offsets)
    of_T = rows.ids.astype(np.int64) * num_classes + np.repeat(rows.labels, lengths_N)
    counts_KC = np.bincount(of_T, minlength=num_ngrams * num_classes).reshape(num_ngrams, num_classes) + 1.0
    others_KC = counts_KC.sum(1, keepdims=True) - counts_KC  # with 1 for each of the other classes
    ratios_KC = np.log(counts_KC / counts_KC.sum(0)) - np.log(others_KC / others_KC.sum(0))
    squares_K = (ratios_KC**2).mean(1)
    totals_N = np.diff(np.append(0.0, np.cumsum(squares_K[rows.ids]))[rows.offsets])
    scale = 1 / (np.sqrt((totals_N / np.maximum(lengths_N, 1)).mean()) or 1.0)  # as those of document frequency are scaled
    return np.sqrt(1 - naive_bayes + naive_bayes * (ratios_KC * (scale / weights_K[:, None])) ** 2)
