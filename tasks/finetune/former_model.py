"""The model that a training starts from: the champion's, with what is known of the rows that it was trained on.

    model/          the model's folder, as finetune wrote it
    replayed.npy    bool, for each train row of the dataset that goes with it: whether it is one of the rows that come again
    before.npy      int64, for each of them: the position in `labels` of the label that the model was taught of it; -1: of none
    start.json      `old_rows`: how many train rows the rows that come again stand for

Words and n-grams are matched by what they are, classes by their names; what is new to the model starts at zero, or as its kind
says.

Shapes: K n-grams, N train rows, C classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.finetune.count_ngrams import united
from tasks.model.classifier import ModelFolder
from tasks.model.ngram_sum import BIAS, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.model.ngrams import NgramVocabulary

MODEL, REPLAYED, BEFORE, START = "model", "replayed.npy", "before.npy", "start.json"


class GrownNgrams(NamedTuple):
    """A vocabulary with the n-grams of a former model and others; the weights [K, C] and the bias [C] that it had, float32.

    `known` (bool [K]) names the n-grams that the former model has; the weights of the others are zeros.
    """

    vocabulary: NgramVocabulary
    weights: np.ndarray
    bias: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class FormerModel:
    """A folder as the head of this module says, for a training that knows the classes `labels`."""

    folder: Path
    labels: Sequence[str]

    @cached_property
    def model(self) -> ModelFolder:
        """The model's own folder."""
        return ModelFolder(self.folder / MODEL)

    @cached_property
    def replayed(self) -> np.ndarray:
        """Which train rows come again: bool [N]."""
        found: np.ndarray = np.load(self.folder / REPLAYED, allow_pickle=False)
        return found

    @cached_property
    def before(self) -> np.ndarray:
        """The class that it was taught of each train row, int64 [N], -1 for a row that it was not trained on.

        A row with another label now is one that was corrected.
        """
        found: np.ndarray = np.load(self.folder / BEFORE, allow_pickle=False)
        return found

    @cached_property
    def old_rows(self) -> int:
        """How many train rows those stand for that come again."""
        return int(json.loads((self.folder / START).read_text(encoding="utf-8"))["old_rows"])

    @cached_property
    def places(self) -> np.ndarray:
        """Where its classes are among `labels`; ValueError if one is not there."""
        own = self.model.settings["labels"]
        if missing := set(own) - set(self.labels):
            raise ValueError(f"the former model has a class {min(missing)!r}, which the train rows do not have")
        return np.array([list(self.labels).index(name) for name in own], np.int64)

    def of_classes(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Values by class along an axis, in the order of `labels`; those of classes that are new to it are zeros."""
        shape = list(values.shape)
        shape[axis] = len(self.labels)
        found = np.zeros(shape, values.dtype)
        np.moveaxis(found, axis, 0)[self.places] = np.moveaxis(values, axis, 0)
        return found

    def grown_ngrams(self, view: str, vocabulary: NgramVocabulary, met: NgramVocabulary) -> GrownNgrams:
        """The n-grams of a view, whose `vocabulary` is given, with those of `met` that it does not have."""
        tensors = self.model.tensors(view)
        grown, (places, _) = united([vocabulary, met])
        weights_KC, known_K = np.zeros((len(grown), len(self.labels)), np.float32), np.zeros(len(grown), bool)
        weights_KC[places] = self.of_classes(tensors[WEIGHTS][: len(vocabulary)], axis=1)
        known_K[places] = True
        return GrownNgrams(grown, weights_KC, self.of_classes(tensors[BIAS], axis=0), known_K)
