"""The rows that are trained on, and the n-grams of them that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.errors import RequestError
from tasks.prepare.read import iter_with_texts

if TYPE_CHECKING:
    from collections.abc import Sized

    from tasks.finetune.job import Job
    from tasks.finetune.settings import SharedSettings

LONGEST_NGRAM, LEAST_DOCUMENTS = 3, 2  # in words, and documents that it is in, where that is left to us


def longest_ngram(config: SharedSettings) -> int:
    """Words of the longest n-gram."""
    return LONGEST_NGRAM if config.ngrams == "auto" else config.ngrams


def least_documents(asked: int | Literal["auto"]) -> int:
    """Documents that an n-gram is in at least."""
    return LEAST_DOCUMENTS if asked == "auto" else asked


def labelled_texts(job: Job, split: str) -> tuple[list[str], np.ndarray]:
    """The texts of a split's rows and the numbers of their labels, int64 [N]: for kinds that read `text`.

    A row whose label no train row has is left out, as it is for kinds that read tokens: it cannot be scored.
    """
    if job.texts is None:
        raise ValueError("no folder of texts was given, and a kind of the model reads them")
    numbers = {label: number for number, label in enumerate(job.labels)}
    texts: list[str] = []
    labels: list[int] = []
    for batch in iter_with_texts(job.dataset, job.texts, (split,), ["label"]):
        for label, text in zip(batch.column("label").to_pylist(), batch.column("text").to_pylist(), strict=True):
            if label in numbers:
                texts.append(text)
                labels.append(numbers[label])
    return texts, np.array(labels, np.int64)


def check_rows(train: Sized, valid: Sized) -> None:
    """Raise RequestError where there is nothing to train on, or nothing to choose on."""
    if not len(train):
        raise RequestError("there are no train rows; lower prepare.valid_share or prepare.test_share, or add documents")
    if not len(valid):
        raise RequestError("there are no validation rows to choose a model on; raise prepare.valid_share or add documents")
