"""A trained classifier, read from its folder: tokens in, calibrated probabilities out.

Shapes: N documents, C classes, V vocabulary rows, D dimensions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file

from .bag import Bag
from .fasttext_view import FasttextView
from .models import Ensemble, build_model
from .ngrams import NgramVocabulary
from .scores import add, log_softmax
from .subwords import Subwords
from .view import NGRAM_VIEWS, View, member_name
from .vocabulary import UNK_ID, Vocabulary
from .words import WordEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

MODEL_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
FORMAT = 1
BATCH = 2048  # documents encoded at a time: bounds memory, and amortises Arrow's hash table of the vocabulary


@dataclass(frozen=True)
class Classifier:
    """Views whose logits are added, and a temperature; `settings` is model.json."""

    settings: Mapping[str, Any]
    views: Mapping[str, View | FasttextView]
    ngrams: Mapping[str, NgramVocabulary] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    subwords: Subwords | None = None

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return list(self.settings["labels"])

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Read a model's folder; ValueError if it was written in a later format, FileNotFoundError names what is missing."""
        settings = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise ValueError(f"{folder / MODEL_FILE} has format {settings['format']}; this program reads format {FORMAT}")
        num_classes = len(settings["labels"])
        if "fasttext" in settings["views"]:
            return cls(settings, {"fasttext": FasttextView(folder, num_classes)})
        weights = load_file(folder / WEIGHTS_FILE)
        ngrams = {name: NgramVocabulary.load(ngrams_folder(folder, name)) for name in settings["views"] if name in NGRAM_VIEWS}
        reads_words = bool(set(settings["views"]) - NGRAM_VIEWS)
        views = {name: _view(name, settings, weights, num_classes) for name in settings["views"]}
        vocabulary = Vocabulary.load(folder) if reads_words else None
        return cls(settings, views, ngrams, vocabulary, Subwords.load(folder) if reads_words else None)

    def probabilities(self, tokens: pa.Array | Sequence[Sequence[str]]) -> np.ndarray:
        """Calibrated probabilities of the classes, float32 [N, C]; a document without tokens gets the model's prior."""
        parts = [np.zeros((0, len(self.labels)), np.float32)]
        for start in range(0, len(tokens), BATCH):
            logits_NC = self.logits(tokens[start : start + BATCH]) / self.settings["temperature"]
            parts.append(np.exp(log_softmax(logits_NC)).astype(np.float32))
        return np.concatenate(parts)

    def unseen(self, tokens: pa.Array | Sequence[Sequence[str]]) -> np.ndarray:
        """How many tokens of each document have no place in the model's vocabulary of words: int64 [N].

        Of a sum with views of n-grams it is the vocabulary of the first one, in which no word stands that it met too rarely.
        """
        if self.ngrams:
            ids_T, offsets = next(iter(self.ngrams.values())).word_ids(tokens)
            absent_T = ids_T < 0
        elif self.vocabulary is not None:
            ids_T, offsets = self.vocabulary.encode(tokens)
            absent_T = ids_T == UNK_ID
        else:
            (view,) = self.views.values()
            assert isinstance(view, FasttextView)
            return view.unseen(tokens)
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return np.bincount(document_T[absent_T], minlength=len(offsets) - 1)

    def blank(self, tokens: Sequence[Sequence[str]], probabilities_NC: np.ndarray) -> np.ndarray:
        """Documents in which no view finds anything to read, so that their probabilities say nothing about them: bool [N].

        A document without tokens is one; so is one of unknown words alone, unless subwords give those a vector.
        """
        blank_N = np.fromiter(map(len, tokens), np.int64, len(tokens)) == 0
        if self.subwords is not None or any(
            isinstance(view, FasttextView) and view.reads_unseen_words for view in self.views.values()
        ):
            return blank_N
        suspect_N = ~blank_N
        if self.views.keys() <= NGRAM_VIEWS:  # a sum over nothing is the same for every document
            suspect_N &= (probabilities_NC == self.probabilities([[]])).all(axis=1)
        (rows,) = np.nonzero(suspect_N)
        if len(rows):
            suspects = [tokens[row] for row in rows.tolist()]
            blank_N[rows] = self.unseen(suspects) == np.fromiter(map(len, suspects), np.int64, len(suspects))
        return blank_N

    def logits(self, tokens: pa.Array | Sequence[Sequence[str]]) -> np.ndarray:
        """The sum of the views' logits before calibration, float32 [N, C]."""
        logits: dict[str, np.ndarray] = {}
        words = None
        for name, view in self.views.items():
            if isinstance(view, FasttextView):
                logits[name] = view.logits(tokens)
            elif view.reads_words:
                assert self.vocabulary is not None
                if words is None:
                    encoder = WordEncoder(self.vocabulary, self.subwords)
                    words = (*encoder.encode(tokens), encoder.unseen)
                logits[name] = view.logits(*words)
            else:
                logits[name] = view.logits(*self.ngrams[name].encode(tokens))
        parts = self.settings["views"]
        deviations = {name: parts[name]["deviation"] for name in logits}
        return add(logits, deviations, {name: parts[name]["weight"] for name in logits})


def ngrams_folder(folder: Path, view: str) -> Path:
    """Where in a model's folder the vocabulary of a view of n-grams lies."""
    return folder if view == "bag" else folder / view


def _view(name: str, settings: Mapping[str, Any], weights: Mapping[str, torch.Tensor], num_classes: int) -> View:
    shape, members = settings["views"][name], list[torch.nn.Module]()
    for number in range(shape.get("members", 1)):  # models written before views had members do not say how many
        prefix = f"{member_name(name, number)}."
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        if name in NGRAM_VIEWS:
            members.append(Bag(len(own["weights.weight"]), num_classes))
        else:
            matrix_VD = own["embedding.weight"]
            members.append(build_model(name, matrix_VD, num_classes, hidden=shape["hidden"], widths=shape["widths"]))
        members[-1].load_state_dict(own)
    model = Ensemble(members).eval()
    return View(name, model, settings["max_len"], settings["truncate"])
