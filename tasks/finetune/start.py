"""A view at its start: its model, its optimizer, and the rows that it reads.

Each view is started once on the train rows, and where it is refitted once more on train and valid together.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from tasks.align.subword import FILES as SUBWORD_FILES
from tasks.align.subword import Subwords
from tasks.align.vocabulary import FILE as VOCABULARY_FILE
from tasks.align.vocabulary import Vocabulary
from tasks.errors import RequestError
from tasks.finetune.encode import FITTED, REFITTED, NumberedWords, encode_in_order, encode_split
from tasks.finetune.recipe import bag_training, words_training
from tasks.finetune.words import same_length

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.finetune.batches import Documents
    from tasks.finetune.job import Job
    from tasks.finetune.loop import Training
    from tasks.finetune.ngrams import NgramVocabulary


class BagStart:
    """Starts of the bag. A refit finds its n-grams anew, and they replace the first ones in the model's folder."""

    def __init__(self, job: Job) -> None:
        self.job = job
        job.progress.advance(0, 3, "steps", "numbering words")
        self.words = NumberedWords.read(job.dataset, job.labels, job.scratch)
        check_rows(*(self.words.splits[split] for split in REFITTED))

    def fit(self) -> tuple[Training, Documents, Documents]:
        """The bag before its first step, the train rows and the valid rows."""
        training, train, vocabulary = self._start(FITTED, self.job.scratch / "train.ngrams")
        return training, train, self.words.documents(("valid",), vocabulary, self.job.scratch / "valid.ngrams")

    def refit(self, scratch: Path) -> tuple[Training, Documents]:
        """The bag before its first step, and the rows of train and valid together."""
        training, rows, _ = self._start(REFITTED, scratch / "rows.ngrams")
        return training, rows

    def _start(self, splits: Sequence[str], path: Path) -> tuple[Training, Documents, NgramVocabulary]:
        job, config = self.job, self.job.config
        job.progress.advance(1, 3, "steps", "counting n-grams")
        vocabulary = self.words.ngrams(splits, longest=config.ngrams, min_documents=config.ngram_min_documents)
        job.progress.advance(2, 3, "steps", f"reading documents as sets of {len(vocabulary):,} n-grams")
        rows = self.words.documents(splits, vocabulary, path)
        vocabulary.save(job.folder)
        return bag_training(config, len(vocabulary), len(job.labels), rows, job.device), rows, vocabulary


class WordsStart:
    """Starts of a view that reads rows of align's matrix; its vocabulary is align's, in a refit too."""

    def __init__(self, job: Job, view: str) -> None:
        if job.aligned is None:
            raise ValueError(f"{view} reads word vectors: it needs the folder that align wrote")
        self.job, self.view, self.aligned = job, view, job.aligned
        self.vocabulary = Vocabulary.load(job.aligned)

    def fit(self) -> tuple[Training, Documents, Documents]:
        """The view before its first step, the train rows and the valid rows."""
        job, subwords = self.job, Subwords.load(self.aligned)
        train, valid = encode_in_order(job.dataset, job.labels, job.scratch, self.vocabulary, subwords)
        check_rows(train, valid)
        for name in (VOCABULARY_FILE, *(SUBWORD_FILES if subwords else ())):
            shutil.copyfile(self.aligned / name, job.folder / name)
        return self._training(), train, valid

    def refit(self, scratch: Path) -> tuple[Training, Documents]:
        """The view before its first step, and the rows of train and valid together."""
        job = self.job
        rows = encode_split(job.dataset, REFITTED, job.labels, self.vocabulary.encode, scratch / "rows")
        return self._training(), rows

    def _training(self) -> Training:
        matrix_VD = np.load(self.aligned / "matrix.npy", allow_pickle=False)
        has_vector_V = np.load(self.aligned / "has_vector.npy", allow_pickle=False)
        job = self.job
        return words_training(self.view, job.config, same_length(matrix_VD), has_vector_V, len(job.labels), job.device)


def check_rows(train: Documents, valid: Documents) -> None:
    """Raise RequestError where there is nothing to train on, or nothing to choose on."""
    if not len(train):
        raise RequestError("there are no train rows; lower prepare.valid_share or prepare.test_share, or add documents")
    if not len(valid):
        raise RequestError("there are no validation rows to choose a model on; raise prepare.valid_share or add documents")
