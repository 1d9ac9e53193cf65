"""Logistic regression on n-grams weighted by inverse document frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind, no_lexicon
from tasks.finetune.kinds.tfidf.settings import TfidfSettings, most_tokens

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings


def _train(job: Job, epochs_before: int) -> list[Trained]:
    if job.former is not None:
        from tasks.finetune.kinds.tfidf.warm import train_warm_tfidf

        return train_warm_tfidf(job)
    from tasks.finetune.kinds.tfidf.train import train_tfidf  # heavy libraries

    return train_tfidf(job)


def _no_start(config: SharedSettings) -> str:
    if config.settings(TfidfSettings).naive_bayes:
        return "lets n-grams weigh by Naive Bayes' log ratio (finetune.tfidf.naive_bayes), which is of all rows at once"
    return no_lexicon(config)


KIND = Kind(
    "tfidf",
    reads="ngrams",
    train=_train,
    sections={"tfidf": TfidfSettings},
    trained_with=("scipy",),
    beside=True,
    no_start=_no_start,
    shared=frozenset({"class_weights", "ngrams", "lexicon"}),
    automatic=True,
    like_yardstick=True,
    most_tokens=most_tokens,
    called=("tfidf-vectorizer", "logistic-regression"),
    words={"min-df": "min-documents"},
)
