"""Train the bag: started at Naive Bayes' weights, then stepped by sparse Adam."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch

from tasks.finetune.counted import Counted
from tasks.finetune.encode import FITTED, REFITTED, document_frequency, joined, restricted, slices
from tasks.finetune.epochs import train_in_epochs
from tasks.finetune.kinds.bag.network import Bag, BagView, batch_size, naive_bayes, start_from
from tasks.finetune.kinds.bag.settings import BagSettings
from tasks.finetune.lexicon import group_weights
from tasks.finetune.loop import Recipe, Training, num_threads
from tasks.finetune.ngram_rows import Sets
from tasks.finetune.optimizer import Optimizer
from tasks.finetune.rows import check_rows, least_documents, longest_ngram

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from tasks.finetune.documents import Documents
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import FinetuneConfig, SharedSettings

# Epochs where they are left to us: about so many documents read, within bounds.
DOCUMENTS, FEWEST, MOST = 50_000, 5, 10
PATIENCE = 2  # epochs without a better score


def train_bag(job: Job, epochs_before: int) -> list[Trained]:
    """Train the bag; its vocabulary goes to the model's folder.

    Its steps are too small to share: one thread is as fast, far faster on a busy machine, and gives the same weights whatever
    the number of cores.
    """
    with num_threads(1):
        return train_in_epochs(job, BagStart(job), epochs_before)


class BagStart:
    """Starts of the bag. A refit has the n-grams of train and valid rows, the first training those that train rows alone give.

    What is frequent in the train rows is frequent in both together, so with a refit n-grams are counted and read only once.
    The bag has one member: it starts from its counts, not from random numbers, and others would hardly differ from it.
    """

    members = 1
    shape: ClassVar[dict[str, Any]] = {}

    def __init__(self, job: Job) -> None:
        self.job, self.settings = job, job.config.settings(BagSettings)
        job.progress.advance(0, 2, "steps", "numbering words")
        words = job.ngram_rows.words()
        check_rows(*(words.splits[split] for split in REFITTED))
        job.progress.advance(1, 2, "steps", "counting n-grams")
        asked = counted(job.config)
        sets = job.ngram_rows.sets(asked)
        self.counts_KG: np.ndarray | None = None
        if job.lexicon is not None:
            vocabulary, self.counts_KG = job.lexicon.joined_to(sets.vocabulary)
            (folder := job.scratch / "bag-lexicon").mkdir(exist_ok=True)
            rows = {split: words.documents((split,), vocabulary, folder / f"{split}.ngrams") for split in REFITTED}
            sets = Sets(vocabulary, rows)
        sets.vocabulary.save(job.folder)
        self.num_ngrams, self.least, self.rows = len(sets.vocabulary), asked.min_documents, sets.rows

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives the bag before its first step, the train rows and the valid rows."""
        num_ngrams, counts_KG = self.num_ngrams, self.counts_KG
        train, valid = (self.rows[split] for split in REFITTED)
        if self.job.config.refit:
            kept_K = document_frequency(train, num_ngrams) >= self.least
            if counts_KG is not None:
                kept_K |= counts_KG.any(1)
                counts_KG = counts_KG[kept_K]
            num_ngrams = int(kept_K.sum())
            train, valid = (
                restricted(rows, kept_K, self.job.scratch / f"{split}.ngrams")
                for split, rows in zip(REFITTED, (train, valid), strict=True)
            )
        return self._make(num_ngrams, train, counts_KG), train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives the bag before its first step, and the rows of train and valid together."""
        rows = joined([self.rows[split] for split in REFITTED], scratch / "rows.ngrams")
        return self._make(self.num_ngrams, rows, self.counts_KG), rows

    def _make(self, num_ngrams: int, rows: Documents, counts_KG: np.ndarray | None) -> Callable[[int], Training]:
        job, classes = self.job, len(self.job.labels)
        known_KC = None if counts_KG is None else torch.from_numpy(group_weights(rows, counts_KG, classes))
        return lambda _: bag_training(self.settings, num_ngrams, classes, rows, job.device, known_KC)

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How the bag is trained on so many documents."""
        return replace(bag_recipe(self.job.config, num_documents), class_weights=self.job.class_weights)


def counted(config: SharedSettings) -> Counted:
    """The n-grams of the rows that the bag is trained on last."""
    least = least_documents(config.settings(BagSettings).min_documents)
    return Counted(REFITTED if config.refit else FITTED, longest_ngram(config), least)


def bag_recipe(config: FinetuneConfig, num_documents: int) -> Recipe:
    """How the bag is trained on so many documents."""
    settings = config.settings(BagSettings)
    asked = settings.epochs or config.epochs
    automatic = min(max(FEWEST, round(DOCUMENTS / max(num_documents, 1))), MOST)
    return Recipe(
        epochs=automatic if asked == "auto" else asked,
        batch_size=batch_size(num_documents) if settings.batch_size == "auto" else settings.batch_size,
        patience=PATIENCE if config.patience == "auto" else config.patience,
        seed=config.seed,
    )


def bag_training(
    settings: BagSettings,
    num_ngrams: int,
    num_classes: int,
    train: Documents,
    device: torch.device,
    known_KC: torch.Tensor | None = None,
) -> Training:
    """The bag at its start, and its optimizer; `known_KC` is what a lexicon says of n-grams, beside what the rows say."""
    bag = Bag(num_ngrams, num_classes, dropout=settings.dropout)
    start_from(bag, naive_bayes(slices(train), num_ngrams, num_classes))
    if known_KC is not None:
        with torch.no_grad():
            bag.weights.weight[: len(known_KC)] += known_KC
    bag = bag.to(device)
    weights = [(bag.bias, None), (cast(torch.nn.Parameter, bag.weights.weight), None)]
    optimizer = Optimizer([], weights, rule="adam", lr=settings.lr, row_lr=settings.lr, weight_decay=0.0)
    return Training(BagView(bag), optimizer)
