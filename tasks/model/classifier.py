"""A trained classifier, read from its folder: tokens in, and texts for views that read those; calibrated probabilities out.

Shapes: N documents, C classes, T tokens, U unseen words, D dimensions.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from safetensors.numpy import load_file

from .removal import RemovalSplit
from .scores import add, log_softmax
from .shares import add_up
from .subwords import Subwords
from .text.token_batch import num_tokens
from .vocabulary import Vocabulary
from .words import WordEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .neighbours import Sparse
    from .shares import Shares, Split

MODEL_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
FORMAT = 2
BATCH = 2048  # documents encoded at a time: bounds memory, and amortises Arrow's hash table of the vocabulary


class View(Protocol):
    """One summand of a model. It reads `ngrams`, `words` or `text`."""

    @property
    def reads(self) -> str:
        """What it makes of tokens."""
        ...

    @property
    def reads_unseen_words(self) -> bool:
        """Whether a word outside its vocabulary still says something to it."""
        ...

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        ...

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """How many tokens of each document are not in its vocabulary: int64 [N]."""
        ...


class Tokens:
    """The tokens of a batch of documents, and what several views make of them, made once; the texts too, if they are given.

    `places` makes the start and end of each token in its text, int64 [T] both, when a view asks for them.
    """

    def __init__(
        self,
        documents: pa.Array | Sequence[Sequence[str]],
        texts: Sequence[str] | None = None,
        places: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> None:
        self.documents = documents
        self._texts, self._places = texts, places
        self._words: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None = None

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def texts(self) -> Sequence[str]:
        """The texts as they were ingested, for a view that reads `text`; ValueError if they were not given."""
        if self._texts is None:
            raise ValueError("a view reads the texts of documents, and only their tokens were given")
        return self._texts

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Start and end of each token in its text; ValueError if nobody can tell."""
        if self._places is None:
            raise ValueError("a view asks where in the texts the tokens are, and that was not given")
        return self._places()

    def words(self, source: ModelFolder) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Rows of the vocabulary (int32 [T]), offsets of the documents [N + 1], vectors [U, D] of rows beyond it."""
        if self._words is None:
            encoder = WordEncoder(source.vocabulary, source.subwords)
            self._words = (*encoder.encode(self.documents), encoder.unseen)
        return self._words


class ModelFolder:
    """What finetune wrote: its settings at once, the rest when a view asks for it."""

    def __init__(self, folder: Path, embedded: Path | None = None) -> None:
        """Read model.json; ValueError if it has another format, FileNotFoundError names what is missing.

        `embedded` is a folder with vectors of texts, which a view need not make again.
        """
        self.folder, self.embedded = folder, embedded
        self.settings: Mapping[str, Any] = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        if self.settings["format"] != FORMAT:
            raise ValueError(f"{folder / MODEL_FILE} has format {self.settings['format']}; this program reads format {FORMAT}")
        self.views: Mapping[str, Mapping[str, Any]] = self.settings["views"]
        self.num_classes = len(self.settings["labels"])

    @cached_property
    def _weights(self) -> Mapping[str, np.ndarray]:
        weights: Mapping[str, np.ndarray] = load_file(self.folder / WEIGHTS_FILE)
        return weights

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words that have a row."""
        return Vocabulary.load(self.folder)

    @cached_property
    def subwords(self) -> Subwords | None:
        """Vectors of character n-grams, if the model has some."""
        return Subwords.load(self.folder)

    def tensors(self, view: str, member: int = 0) -> dict[str, np.ndarray]:
        """The weights of one member of a view, by their names in it."""
        prefix = f"{member_name(view, member)}."
        return {key.removeprefix(prefix): value for key, value in self._weights.items() if key.startswith(prefix)}

    def open_view(self, name: str) -> View:
        """The view of that name; ValueError for one that this code does not have."""
        place = f"{__package__}.views.{name}"
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name != place:  # a library that the view needs
                raise
            raise ValueError(f"{self.folder / MODEL_FILE} has a view {name!r}, which this code cannot open") from error
        view: View = module.open_view(self, name)
        return view


@dataclass(frozen=True)
class Classifier:
    """Views whose logits are added, and a temperature; `settings` is model.json."""

    settings: Mapping[str, Any]
    views: Mapping[str, View]

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return list(self.settings["labels"])

    @classmethod
    def load(cls, folder: Path, embedded: Path | None = None) -> Classifier:
        """Read a model's folder; see ModelFolder for `embedded` and the errors."""
        source = ModelFolder(folder, embedded)
        return cls(source.settings, {name: source.open_view(name) for name in source.views})

    @property
    def reads_text(self) -> bool:
        """Whether the texts of documents must be given beside their tokens."""
        return any(view.reads == "text" for view in self.views.values())

    def probabilities(self, documents: pa.Array | Sequence[Sequence[str]], texts: Sequence[str] | None = None) -> np.ndarray:
        """Calibrated probabilities of the classes, float32 [N, C]; a document without tokens gets the model's prior."""
        parts = [np.zeros((0, len(self.labels)), np.float32)]
        for start in range(0, len(documents), BATCH):
            rows = slice(start, start + BATCH)
            parts.append(self.calibrated(self.logits(documents[rows], None if texts is None else texts[rows])))
        return np.concatenate(parts)

    def calibrated(self, logits_NC: np.ndarray) -> np.ndarray:
        """The probabilities that go with logits, float32 [N, C]."""
        return np.exp(log_softmax(logits_NC / self.settings["temperature"])).astype(np.float32)

    def unseen(self, documents: pa.Array | Sequence[Sequence[str]], texts: Sequence[str] | None = None) -> np.ndarray:
        """How many tokens of each document the model has no place for: int64 [N].

        A sum is asked for its first view of n-grams, if it has one.
        """
        views = list(self.views.values())
        return next((view for view in views if view.reads == "ngrams"), views[0]).unseen(Tokens(documents, texts))

    def blank(
        self, documents: Sequence[Sequence[str]], probabilities_NC: np.ndarray, texts: Sequence[str] | None = None
    ) -> np.ndarray:
        """Documents in which no view finds anything to read, so that their probabilities say nothing about them: bool [N].

        A document without tokens is one; so is one of unknown words alone, unless some view reads those.
        """
        blank_N = num_tokens(documents) == 0
        if any(view.reads_unseen_words for view in self.views.values()):
            return blank_N
        suspect_N = ~blank_N
        if all(view.reads == "ngrams" for view in self.views.values()):  # a sum over nothing is the same for every document
            suspect_N &= (probabilities_NC == self._of_nothing).all(axis=1)
        (rows,) = np.nonzero(suspect_N)
        if len(rows):
            suspects = [documents[row] for row in rows.tolist()]
            their_texts = None if texts is None else [texts[row] for row in rows.tolist()]
            blank_N[rows] = self.unseen(suspects, their_texts) == num_tokens(suspects)
        return blank_N

    @cached_property
    def _of_nothing(self) -> np.ndarray:
        """The probabilities of no tokens at all, worked out once: that takes as long as a short text."""
        return self.probabilities([[]])

    def likeness(
        self, documents: pa.Array | Sequence[Sequence[str]], texts: Sequence[str] | None = None
    ) -> np.ndarray | Sparse | None:
        """What documents can be compared by: vectors of a view that reads texts, else of one that reads words, else n-grams.

        Float32 [N, D], or the n-grams of its vocabulary; None for a model that has nothing of these.
        """
        tokens = Tokens(documents, texts)
        for reads, asked in (("text", "vectors"), ("words", "vectors"), ("ngrams", "ngrams")):
            for view in self.views.values():
                if view.reads == reads and hasattr(view, asked):
                    made: np.ndarray | Sparse = getattr(view, asked)(tokens)
                    return made
        return None

    @property
    def splits_quickly(self) -> bool:
        """Whether no view must be asked about parts of a document to share out what it says of the whole."""
        return all(hasattr(view, "split") for view in self.views.values())

    def split(self, tokens: Tokens) -> ClassifierSplit:
        """What it says of documents, and which words make it say so."""
        parts = self.settings["views"]
        splits = {
            name: view.split(tokens) if hasattr(view, "split") else RemovalSplit(view, tokens)
            for name, view in self.views.items()
        }
        deviations = {name: parts[name]["deviation"] for name in splits}
        weights = {name: parts[name]["weight"] for name in splits}
        return ClassifierSplit(splits, deviations, weights, self.settings["temperature"], self.shift)

    def logits(self, documents: pa.Array | Sequence[Sequence[str]], texts: Sequence[str] | None = None) -> np.ndarray:
        """The sum of the views' logits and of the shift before calibration, float32 [N, C]."""
        tokens, parts = Tokens(documents, texts), self.settings["views"]
        logits = {name: view.logits(tokens) for name, view in self.views.items()}
        deviations = {name: parts[name]["deviation"] for name in logits}
        summed_NC = add(logits, deviations, {name: parts[name]["weight"] for name in logits})
        return summed_NC if self.shift is None else summed_NC + self.shift

    @cached_property
    def shift(self) -> np.ndarray | None:
        """What is added to the sum of the views where classes have other shares than in training, float32 [C], or None."""
        shift_C = self.settings.get("shift")
        return None if shift_C is None else np.array(shift_C, np.float32)


@dataclass(frozen=True)
class ClassifierSplit:
    """What a sum of views says of documents, and which words make it say so."""

    views: Mapping[str, Split]
    deviations: Mapping[str, float]
    weights: Mapping[str, float]
    temperature: float
    shift: np.ndarray | None = None

    @cached_property
    def logits(self) -> np.ndarray:
        """The sum of the views' logits and of the shift before calibration, float32 [N, C]."""
        summed_NC = add({name: split.logits for name, split in self.views.items()}, self.deviations, self.weights)
        return summed_NC if self.shift is None else summed_NC + self.shift

    def toward(self, toward_NC: np.ndarray) -> Shares:
        """The shares of each document's calibrated logits times its row of `toward_NC`."""
        factors = {name: self.weights[name] / self.deviations[name] / self.temperature for name in self.views}
        shares = add_up(self.views, factors, toward_NC)
        if self.shift is None:
            return shares
        return shares._replace(alone=shares.alone + toward_NC @ (self.shift.astype(np.float64) / self.temperature))


def member_name(view: str, member: int) -> str:
    """`cnn` for the first member of the view `cnn`, `cnn#2` for the second."""
    return view if member == 0 else f"{view}#{member + 1}"
