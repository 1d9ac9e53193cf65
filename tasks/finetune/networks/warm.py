"""A network started from a former one: its words keep their rows, new words begin where the former network read them.

A word that the former network had no row for was read as the vector of its character n-grams, or without any as the unknown
word: there its row begins, so that what the network says of a text stays what it was until the first step. Neither word vectors
nor a matrix are needed beside the former network.

Shapes: V rows of the vocabulary, U of them new, D dimensions, C classes.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from tasks.finetune.encode import FITTED, REFITTED, encode_in_order, encode_split
from tasks.finetune.networks.settings import NetworkSettings
from tasks.finetune.networks.train import network_recipe, network_training
from tasks.finetune.networks.trained_rows import trained_rows
from tasks.finetune.rows import check_rows
from tasks.model.classifier import member_name
from tasks.model.subwords import FILES as SUBWORD_FILES
from tasks.model.vocabulary import RESERVED, UNK_ID, Vocabulary
from tasks.model.words import same_length
from tasks.prepare.read import iter_batches
from tasks.token_counts import count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.finetune.documents import Documents
    from tasks.finetune.former_model import FormerModel
    from tasks.finetune.job import Job
    from tasks.finetune.loop import Recipe, Training
    from tasks.finetune.networks.network import Network
    from tasks.model.subwords import Subwords

EPOCHS = 2  # at most, where they are left to us
SLOWER = 0.5  # the learning rate, by that of a network that begins anew
LEAST = 2  # times that a word is in the train rows, to get a row
EMBEDDING = "embedding.weight"


class WarmNetwork:
    """Starts of a network from `job.former`; see `NetworkStart` for what a start is."""

    def __init__(self, job: Job, network: Network) -> None:
        assert job.former is not None
        self.job, self.network, self.former = job, network, job.former
        self.settings = job.config.settings(NetworkSettings)
        self.members = self.settings.members
        self.subwords = job.former.model.subwords
        self.vocabulary = grown_vocabulary(job.former.model.vocabulary, job.dataset)

    @property
    def shape(self) -> dict[str, Any]:
        """The network's own settings, and how it reads a long document."""
        return {**self.network.shape, "max_len": self.settings.max_len, "truncate": self.settings.truncate}

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives a member before its first step, the train rows and the valid rows."""
        job = self.job
        train, valid = encode_in_order(job.dataset, job.labels, job.scratch, self.vocabulary, self.subwords)
        check_rows(train, valid)
        self.vocabulary.save(job.folder)
        for name in SUBWORD_FILES if self.subwords else ():
            shutil.copyfile(self.former.model.folder / name, job.folder / name)
        return self._make, train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives a member before its first step, and the rows of train and valid together."""
        job = self.job
        return self._make, encode_split(job.dataset, REFITTED, job.labels, self.vocabulary.encode, scratch / "rows")

    def _make(self, member: int) -> Training:
        tensors = self.former.model.tensors(self.network.name, member)
        matrix_VD = grown_matrix(tensors[EMBEDDING], self.vocabulary, self.subwords)
        job, has_vector_V = self.job, np.zeros(len(matrix_VD), bool)
        training = network_training(
            self.network,
            job.config,
            matrix_VD,
            trained_rows(job.config, self.vocabulary, has_vector_V),
            len(job.labels),
            job.device,
            member,
            slower=SLOWER,
        )
        load_former(training, self.former, tensors)
        training.frozen_epochs, training.resting = 0, ()  # the embedding has been trained
        return training

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How a member is trained on so many documents."""
        recipe = network_recipe(self.network, self.job.config, num_documents, member)
        return replace(recipe, epochs=min(recipe.epochs, EPOCHS), class_weights=self.job.class_weights)


def grown_vocabulary(former: Vocabulary, dataset: Path) -> Vocabulary:
    """The words of a vocabulary, in their order, and behind them those that the train rows of `dataset` have LEAST times."""
    counted = count_tokens(batch.column("tokens") for batch in iter_batches(dataset, FITTED, ["tokens"]))
    known = pc.is_in(counted["token"], value_set=pa.array(former.tokens))
    found = Vocabulary.from_counts(counted.filter(pc.invert(known)), min_count=LEAST)
    first = len(RESERVED)
    return Vocabulary((*former.tokens, *found.tokens[first:]), (*former.counts, *found.counts[first:]))


def grown_matrix(former_VD: np.ndarray, vocabulary: Vocabulary, subwords: Subwords | None) -> np.ndarray:
    """The rows of a former matrix, and for each further word of the vocabulary its own; float32 [V, D]."""
    words = vocabulary.tokens[len(former_VD) :]
    unknown_UD = np.repeat(former_VD[UNK_ID : UNK_ID + 1], len(words), axis=0)
    if subwords is None or not words:
        return np.concatenate([former_VD, unknown_UD])
    found_UD = same_length(subwords.vectors(words))
    return np.concatenate([former_VD, np.where(found_UD.any(1, keepdims=True), found_UD, unknown_UD)])


def load_former(training: Training, former: FormerModel, tensors: dict[str, np.ndarray]) -> None:
    """Put the tensors of a former network into a new one, but for its embedding; rows of classes that are new are zeros.

    ValueError for a tensor of another shape.
    """
    model, own = training.view.model, training.view.model.state_dict()
    old = len(former.places)
    loaded = {}
    for name, value in tensors.items():
        if name == EMBEDDING:
            continue
        shape = tuple(own[name].shape)
        fitting = value if value.shape == shape else former.of_classes(value, axis=0) if len(value) == old else value
        if fitting.shape != shape:
            title = member_name(training.view.name, training.view.member)
            raise ValueError(f"{title}.{name} has shape {value.shape} in the former model; here it has {shape}")
        loaded[name] = torch.from_numpy(np.ascontiguousarray(fitting))
    model.load_state_dict(loaded, strict=False)
