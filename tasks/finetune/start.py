"""A view's members at their start: model and optimizer of each, and the rows that all of them read.

A view is started once on the train rows, and where it is refitted once more on train and valid together.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import RequestError
from tasks.finetune.encode import (
    FITTED,
    REFITTED,
    UNLABELLED,
    NumberedWords,
    document_frequency,
    encode_in_order,
    encode_split,
    restricted,
)
from tasks.finetune.recipe import bag_training, words_training
from tasks.finetune.trained_rows import trained_rows
from tasks.model.subwords import FILES as SUBWORD_FILES
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import FILE as VOCABULARY_FILE
from tasks.model.vocabulary import Vocabulary
from tasks.model.words import same_length

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.config import FinetuneConfig
    from tasks.finetune.job import Job
    from tasks.finetune.loop import Training
    from tasks.model.batches import Documents


LONGEST_NGRAM, LEAST_DOCUMENTS = 3, 2  # in words, and documents that it is in, where that is left to us


class BagStart:
    """Starts of the bag. A refit has the n-grams of train and valid rows, the first training those that train rows alone give.

    What is frequent in the train rows is frequent in both together, so with a refit n-grams are counted and read only once.
    The bag has one member: it starts from its counts, not from random numbers, and others would hardly differ from it.
    """

    members = 1

    def __init__(self, job: Job) -> None:
        self.job = job
        job.progress.advance(0, 3, "steps", "numbering words")
        words = NumberedWords.read(job.dataset, job.labels, job.scratch)
        train, valid = (words.splits[split] for split in REFITTED)
        check_rows(train, valid)
        self.num_train = len(train)
        job.progress.advance(1, 3, "steps", "counting n-grams")
        counted, least = REFITTED if job.config.refit else FITTED, least_documents(job.config)
        vocabulary = words.ngrams(counted, longest=longest_ngram(job.config), min_documents=least)
        vocabulary.save(job.folder)
        self.num_ngrams, self.least = len(vocabulary), least
        job.progress.advance(2, 3, "steps", f"reading documents as sets of {self.num_ngrams:,} n-grams")
        self.rows = words.documents(REFITTED, vocabulary, job.scratch / "rows.ngrams")

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives the bag before its first step, the train rows and the valid rows."""
        config, scratch, num_ngrams = self.job.config, self.job.scratch, self.num_ngrams
        train, valid = self.rows.head(self.num_train), self.rows.part(self.num_train, len(self.rows))
        if config.refit:
            kept_K = document_frequency(train, num_ngrams) >= self.least
            num_ngrams = int(kept_K.sum())
            train, valid = (
                restricted(rows, kept_K, scratch / f"{split}.ngrams")
                for split, rows in zip(REFITTED, (train, valid), strict=True)
            )
        return self._make(num_ngrams, train), train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives the bag before its first step, and the rows of train and valid together."""
        return self._make(self.num_ngrams, self.rows), self.rows

    def _make(self, num_ngrams: int, rows: Documents) -> Callable[[int], Training]:
        job = self.job
        return lambda _: bag_training(job.config, num_ngrams, len(job.labels), rows, job.device)


class WordsStart:
    """Starts of a view that reads rows of align's matrix; its vocabulary is align's, in a refit too."""

    def __init__(self, job: Job, view: str) -> None:
        if job.aligned is None:
            raise ValueError(f"{view} reads word vectors: it needs the folder that align wrote")
        self.job, self.view, self.aligned, self.members = job, view, job.aligned, job.config.members
        self.vocabulary = Vocabulary.load(job.aligned)
        self.unlabelled = self._read_unlabelled() if job.config.adversarial_unlabelled else None

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives a member before its first step, the train rows and the valid rows."""
        job, subwords = self.job, Subwords.load(self.aligned)
        train, valid = encode_in_order(job.dataset, job.labels, job.scratch, self.vocabulary, subwords)
        check_rows(train, valid)
        for name in (VOCABULARY_FILE, *(SUBWORD_FILES if subwords else ())):
            shutil.copyfile(self.aligned / name, job.folder / name)
        return self._make(), train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives a member before its first step, and the rows of train and valid together."""
        job = self.job
        rows = encode_split(job.dataset, REFITTED, job.labels, self.vocabulary.encode, scratch / "rows")
        return self._make(), rows

    def _make(self) -> Callable[[int], Training]:
        matrix_VD = same_length(np.load(self.aligned / "matrix.npy", allow_pickle=False))
        has_vector_V = np.load(self.aligned / "has_vector.npy", allow_pickle=False)
        config, num_classes, device = self.job.config, len(self.job.labels), self.job.device
        trained_V = trained_rows(config, self.vocabulary, has_vector_V)
        return lambda member: words_training(
            self.view, config, matrix_VD, trained_V, num_classes, device, member, self.unlabelled
        )

    def _read_unlabelled(self) -> Documents:
        """The unlabelled rows; RequestError where there are none."""
        job = self.job
        rows = encode_split(job.dataset, (UNLABELLED,), job.labels, self.vocabulary.encode, job.scratch / "unlabelled.rows")
        if not len(rows):
            raise RequestError(
                f"finetune.adversarial_unlabelled {job.config.adversarial_unlabelled:g} reads unlabelled documents, and the "
                "corpus has none; give ingest.unlabelled, or leave adversarial_unlabelled out"
            )
        return rows


def longest_ngram(config: FinetuneConfig) -> int:
    """Words of the longest n-gram."""
    return LONGEST_NGRAM if config.ngrams == "auto" else config.ngrams


def least_documents(config: FinetuneConfig) -> int:
    """Documents that an n-gram is in at least."""
    return LEAST_DOCUMENTS if config.ngram_min_documents == "auto" else config.ngram_min_documents


def check_rows(train: Documents, valid: Documents) -> None:
    """Raise RequestError where there is nothing to train on, or nothing to choose on."""
    if not len(train):
        raise RequestError("there are no train rows; lower prepare.valid_share or prepare.test_share, or add documents")
    if not len(valid):
        raise RequestError("there are no validation rows to choose a model on; raise prepare.valid_share or add documents")
