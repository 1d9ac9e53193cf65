"""The rows that are trained on, and the n-grams of them that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sized

    from tasks.finetune.settings import FinetuneConfig

LONGEST_NGRAM, LEAST_DOCUMENTS = 3, 2  # in words, and documents that it is in, where that is left to us


def longest_ngram(config: FinetuneConfig) -> int:
    """Words of the longest n-gram."""
    return LONGEST_NGRAM if config.ngrams == "auto" else config.ngrams


def least_documents(asked: int | Literal["auto"]) -> int:
    """Documents that an n-gram is in at least."""
    return LEAST_DOCUMENTS if asked == "auto" else asked


def check_rows(train: Sized, valid: Sized) -> None:
    """Raise RequestError where there is nothing to train on, or nothing to choose on."""
    if not len(train):
        raise RequestError("there are no train rows; lower prepare.valid_share or prepare.test_share, or add documents")
    if not len(valid):
        raise RequestError("there are no validation rows to choose a model on; raise prepare.valid_share or add documents")
