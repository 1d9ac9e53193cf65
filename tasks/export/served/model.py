"""Texts in, labels and probabilities out.

Shapes: N texts, C labels.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.export.served.arrays import read_arrays
from tasks.export.served.fasttext_view import FasttextFile
from tasks.export.served.networks import AverageView, StatesView, WindowsView
from tasks.export.served.ngrams import NgramView
from tasks.model.scores import add, log_softmax
from tasks.model.serving import Answer, TextClassifier
from tasks.model.text.tokenize import TextToTokens
from tasks.model.text.tokenizers.word import word_cut as make_cut

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS = "settings.json"
CLEANING = ("html", "lowercase", "numbers", "width", "han")
BATCH = 256  # texts read at a time: bounds memory
VIEWS: dict[str, Any] = {
    "ngrams": NgramView,
    "average": AverageView,
    "windows": WindowsView,
    "states": StatesView,
    "fasttext": FasttextFile,
}


class Model:
    """A trained model, opened from its folder; without one, from the folder of this file."""

    tokens: Any = TextToTokens.tokens
    predict: Any = TextClassifier.predict

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(__file__).resolve().parent if folder is None else Path(folder)
        settings = json.loads((self.folder / SETTINGS).read_text(encoding="utf-8"))
        self.labels: list[str] = settings["labels"]
        self.temperature: float = settings["temperature"]
        self.shift_C = np.array(settings.get("shift", [0.0] * len(self.labels)), np.float32)
        text = settings["text"]
        self._clean = {name: text[name] for name in CLEANING}
        self._cut = make_cut(text)
        self._stop_words = frozenset(text["stop_words"])
        arrays = read_arrays(self.folder)
        self.parts: dict[str, Any] = settings["views"]
        self.views = {
            name: VIEWS[part["reads"]](arrays, name, {**part, "folder": self.folder}) for name, part in self.parts.items()
        }

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of each label for each text: float32 [N, C], rows in the order of `texts`, columns of `labels`."""
        return self.answer(texts).probabilities

    def answer(self, texts: Sequence[str]) -> Answer:
        """The probabilities, the numbers of tokens, and in which texts there is nothing that the model knows."""
        parts = [(np.zeros((0, len(self.labels)), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))]
        for start in range(0, len(texts), BATCH):
            documents = [self.tokens(text) for text in texts[start : start + BATCH]]
            lengths = np.array([len(document) for document in documents], np.int64)
            parts.append((self._probabilities(documents), lengths, self._blank(documents)))
        return Answer(*map(np.concatenate, zip(*parts, strict=True)))

    def _probabilities(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        logits = {name: view.logits(documents) for name, view in self.views.items()}
        deviations = {name: part["deviation"] for name, part in self.parts.items()}
        summed_NC = add(logits, deviations, {name: part["weight"] for name, part in self.parts.items()})
        return np.exp(log_softmax((summed_NC + self.shift_C) / self.temperature)).astype(np.float32)

    def _blank(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        blank_N = np.array([not document for document in documents], bool)
        views = list(self.views.values())
        if any(view.reads_unseen_words for view in views):
            return blank_N
        sums = [view for name, view in self.views.items() if self.parts[name]["reads"] == "ngrams"]
        if len(sums) == len(views):  # nothing is added for such a text
            return np.logical_and.reduce([view.unseen(documents) for view in sums])
        return blank_N | (sums or views)[0].unseen(documents)


def main(model: type[Model]) -> None:
    """Label the texts of the command line, or each line of standard input: one line of JSON for each."""
    texts = sys.argv[1:] or [line.rstrip("\r\n") for line in sys.stdin]
    for prediction in model().predict(texts):
        print(json.dumps(prediction))  # noqa: T201 in ASCII, so that no text can steer a terminal
