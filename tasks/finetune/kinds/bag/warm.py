"""The bag started from a former one: its n-grams keep their weights, and new ones begin at Naive Bayes' on the rows at hand.

Only these rows are read and counted, those new to the former bag and some that are not: a night costs what is new. On reviews
that came in four batches new n-grams that began at zero left the bag half a point to a point behind one trained anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch

from tasks.finetune.encode import REFITTED, document_frequency, joined, restricted, slices
from tasks.finetune.epochs import train_in_epochs
from tasks.finetune.kinds.bag.network import START, Bag, BagView, naive_bayes
from tasks.finetune.kinds.bag.settings import BagSettings
from tasks.finetune.kinds.bag.train import bag_recipe, counted
from tasks.finetune.loop import Recipe, Training, num_threads
from tasks.finetune.optimizer import Optimizer
from tasks.finetune.rows import check_rows
from tasks.model.ngrams import NgramVocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.finetune.documents import Documents
    from tasks.finetune.job import Job, Trained

NEW = START  # share of Naive Bayes' weights that a new n-gram begins with
EPOCHS = 5  # at most, where they are left to us


def train_warm_bag(job: Job, epochs_before: int) -> list[Trained]:
    """Train the bag on from `job.former`; see `train_bag` about threads."""
    with num_threads(1):
        return train_in_epochs(job, WarmBag(job), epochs_before)


class WarmBag:
    """Starts of the bag from `job.former`; see `BagStart` for what a start is."""

    members = 1
    shape: ClassVar[dict[str, Any]] = {}

    def __init__(self, job: Job) -> None:
        assert job.former is not None
        self.job, self.settings = job, job.config.settings(BagSettings)
        job.progress.advance(0, 2, "steps", "numbering words")
        words, threads = job.ngram_rows.words(), job.threads
        check_rows(*(words.splits[split] for split in REFITTED))
        job.progress.advance(1, 2, "steps", "counting n-grams")
        asked = counted(job.config)
        self.least = asked.min_documents
        met = words.ngrams(asked.splits, longest=asked.longest, min_documents=asked.min_documents, threads=threads)
        self.grown = job.former.grown_ngrams("bag", NgramVocabulary.load(job.former.model.folder), met)
        (folder := job.scratch / "bag-grown").mkdir(exist_ok=True)
        self.rows = {
            split: words.documents((split,), self.grown.vocabulary, folder / f"{split}.ngrams", threads=threads)
            for split in REFITTED
        }
        self.grown.vocabulary.save(job.folder)

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives the bag before its first step, the train rows and the valid rows."""
        train, valid = (self.rows[split] for split in REFITTED)
        weights_KC, known_K = self.grown.weights, self.grown.known
        if self.job.config.refit:
            kept_K = known_K | (document_frequency(train, len(known_K)) >= self.least)
            weights_KC, known_K = weights_KC[kept_K], known_K[kept_K]
            train, valid = (
                restricted(rows, kept_K, self.job.scratch / f"{split}.ngrams")
                for split, rows in zip(REFITTED, (train, valid), strict=True)
            )
        return self._make(weights_KC, known_K, train), train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives the bag before its first step, and the rows of train and valid together."""
        rows = joined([self.rows[split] for split in REFITTED], scratch / "rows.ngrams")
        return self._make(self.grown.weights, self.grown.known, rows), rows

    def _make(self, weights_KC: np.ndarray, known_K: np.ndarray, rows: Documents) -> Callable[[int], Training]:
        """What gives the bag: the weights of known n-grams, and Naive Bayes' on these rows, scaled down, for the others."""
        ratio_KC = naive_bayes(slices(rows), len(known_K), len(self.job.labels)).numpy()
        start_KC = np.where(known_K[:, None], weights_KC, NEW * ratio_KC).astype(np.float32)
        return lambda _: warm_training(self.settings, start_KC, self.grown.bias, self.job.device)

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How the bag is trained on so many documents."""
        recipe = bag_recipe(self.job.config, num_documents)
        return replace(recipe, epochs=min(recipe.epochs, EPOCHS), class_weights=self.job.class_weights)


def warm_training(settings: BagSettings, weights_KC: np.ndarray, bias_C: np.ndarray, device: torch.device) -> Training:
    """The bag with these weights, and its optimizer."""
    bag = Bag(*weights_KC.shape, dropout=settings.dropout)
    with torch.no_grad():
        bag.weights.weight[: len(weights_KC)] = torch.from_numpy(weights_KC)
        bag.bias.copy_(torch.from_numpy(bias_C))
    bag = bag.to(device)
    weights = [(bag.bias, None), (cast(torch.nn.Parameter, bag.weights.weight), None)]
    optimizer = Optimizer([], weights, rule="adam", lr=settings.lr, row_lr=settings.lr, weight_decay=0.0)
    return Training(BagView(bag), optimizer)
