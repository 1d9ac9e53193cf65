"""A model of n-grams made small: one vocabulary of all its sums, the n-grams that matter most, weights of 8 bits or 16.

Nothing here sees a test row. Which n-grams matter is told by the train rows, and among the ways to a size the validation rows
choose. Logits of a sum are over the root of the number of the text's n-grams, which falls where n-grams are left out: a factor
brings it back on average, and the temperature is fitted anew.

Shapes: N documents, K n-grams, L those of one level, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.errors import RequestError
from tasks.export.content import Content, vocabulary_of
from tasks.export.served.arrays import planes_of
from tasks.export.served.ngrams import NgramView
from tasks.finetune.calibrate import temperature
from tasks.finetune.count_ngrams import narrowed, united
from tasks.model.classifier import Classifier, ModelFolder
from tasks.model.ngram_sum import NgramSum
from tasks.model.scores import log_softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from tasks.model.ngrams import NgramVocabulary

VIEW = "ngrams"  # the one view of what was made small
POWERS = (0.0, 0.5, 1.0)  # of the documents that have an n-gram, by which its weight counts
TYPES = ("int8", "float16")
USUAL = (0.5, "int8")  # the way that a size is looked for with
LEAST = 100  # n-grams
TRIES = 7  # halvings of the number of n-grams that just fits


class Documents(NamedTuple):
    """Tokens of documents, and the numbers of their labels, int64 [N], -1 for one that the model does not know."""

    tokens: pa.Array
    labels: np.ndarray


@dataclass(frozen=True)
class Folded:
    """All sums of a model as one: the logits are the sum of `weights_KC` over the root of their number, plus `bias_C`."""

    vocabulary: NgramVocabulary
    weights_KC: np.ndarray  # noqa: N815
    bias_C: np.ndarray  # noqa: N815


@dataclass(frozen=True)
class Compact:
    """What a way to make a model small gave: its content, how it was made, and how far its answers are from the model's.

    `loss` is the mean over the validation rows of the cross-entropy of its probabilities under the model's.
    """

    content: Content
    made: Mapping[str, Any]
    loss: float


class Compactor:
    """Makes a model small, to sizes asked for. RequestError for a model that is not sums of n-grams alone."""

    def __init__(self, model: Path, content: Content, train: Iterable[pa.Array], valid: Documents, title: str) -> None:
        source = ModelFolder(model)
        views = {name: source.open_view(name) for name in source.views}
        sums = {name: view for name, view in views.items() if isinstance(view, NgramSum)}
        if len(sums) < len(views):
            raise RequestError(f"--max-size: {title} is not a sum over n-grams alone; leave the option out")
        self.content, self.valid = content, valid
        self._answers_NC = Classifier(source.settings, views).probabilities(valid.tokens)
        factors = {name: shape["weight"] / shape["deviation"] for name, shape in source.views.items()}
        self.folded = folded(sums, factors, valid.tokens)
        self._encoded = self.folded.vocabulary.encode(valid.tokens)
        self.documents_K = np.zeros(len(self.folded.vocabulary), np.int64)
        for tokens in train:
            self.documents_K += np.bincount(self.folded.vocabulary.encode(tokens)[0], minlength=len(self.documents_K))

    def made(self, fits: Callable[[Content], bool]) -> Compact | None:
        """The best by the validation rows of the ways to a size; None if no hundred n-grams fit."""
        ways = [found for power in POWERS if (found := self.made_so(fits, power, TYPES[0]))]
        best = min(ways, key=lambda each: each.loss, default=None)
        if best is None:
            return None
        exact = self.made_so(fits, best.made["power_of_documents"], TYPES[1])
        return exact if exact is not None and exact.loss < best.loss else best

    def made_so(self, fits: Callable[[Content], bool], power: float, kind: str) -> Compact | None:
        """One way: as many n-grams as fit, by that power, with numbers of that type."""
        order_K = np.argsort(-self._scores(power), kind="stable")
        low, high = 0, len(order_K)
        if fits(self._content(order_K, kind)):
            low = high
        while high - low > max(high >> TRIES, LEAST):
            middle = (low + high) // 2
            low, high = (middle, high) if fits(self._content(order_K[:middle], kind)) else (low, middle)
        if low < min(LEAST, len(order_K)):
            return None
        content = self._content(order_K[:low], kind)
        view = NgramView(content.arrays, VIEW, content.settings["views"][VIEW])
        logits_NC = view.logits(self.valid.tokens.to_pylist())
        labelled_N = self.valid.labels >= 0
        logits_NC, labels_N = logits_NC[labelled_N], self.valid.labels[labelled_N]
        if "shift" in content.settings:  # the validation rows have other shares of the classes than the answers are for
            logits_NC, cooled = logits_NC + np.array(content.settings["shift"]), content.settings["temperature"]
        else:
            cooled = temperature(logits_NC, labels_N)
        loss = -(self._answers_NC[labelled_N] * log_softmax(logits_NC / cooled)).sum(1).mean()
        made = {"ngrams": len(view), "ngrams_before": len(order_K), "numbers": kind, "power_of_documents": power}
        return Compact(Content({**content.settings, "temperature": cooled}, content.arrays), made, float(loss))

    def _scores(self, power: float) -> np.ndarray:
        """How much each n-gram matters, float64 [K]; one is never less than a longer one that it is a part of."""
        weights_KC = self.folded.weights_KC.astype(np.float64)
        centred_KC = weights_KC - weights_KC.mean(1, keepdims=True)
        scores_K = np.sqrt((centred_KC**2).sum(1)) * np.maximum(self.documents_K, 1) ** power
        starts = level_starts(self.folded.vocabulary)
        for at, pair in reversed(list(enumerate(parts(self.folded.vocabulary)))):
            for each_L in pair:
                np.maximum.at(scores_K, starts[at] + each_L, scores_K[starts[at + 1] : starts[at + 2]])
        return scores_K

    def _content(self, chosen: np.ndarray, kind: str) -> Content:
        """With the chosen n-grams, and their shorter parts."""
        kept_K = np.zeros(len(self.folded.weights_KC), bool)
        kept_K[chosen] = True
        kept_K = closed(self.folded.vocabulary, kept_K)
        settings, arrays = vocabulary_of(narrowed(self.folded.vocabulary, kept_K))
        packed = {name: planes_of(value) if name.startswith("keys_") else value for name, value in arrays.items()}
        weights_KC = self.folded.weights_KC[kept_K] * self._factor(kept_K)
        own = {**packed, **quantised(weights_KC, kind), "bias": self.folded.bias_C}
        views = {VIEW: {**settings, "weight": 1.0, "deviation": 1.0}}
        return Content({**self.content.settings, "views": views}, {f"{VIEW}.{name}": value for name, value in own.items()})

    def _factor(self, kept_K: np.ndarray) -> np.float32:
        """What the weights are to be multiplied by, since fewer n-grams are counted."""
        ids_T, offsets = self._encoded
        counted = np.concatenate([[0], np.cumsum(kept_K[ids_T])])
        before_N, after_N = np.diff(offsets), np.diff(counted[offsets])
        filled_N = after_N > 0
        return np.float32(np.sqrt(after_N[filled_N] / before_N[filled_N]).mean()) if filled_N.any() else np.float32(1)


def folded(sums: Mapping[str, NgramSum], factors: Mapping[str, float], valid: pa.Array) -> Folded:
    """One sum for several, each times its factor. Their roots differ by a factor, which is fitted on validation rows."""
    vocabulary, places = united([view.vocabulary for view in sums.values()])
    weights_KC = np.zeros((len(vocabulary), len(next(iter(sums.values())).bias_C)), np.float32)
    bias_C = np.zeros(weights_KC.shape[1], np.float32)
    _, offsets = vocabulary.encode(valid)
    for (name, view), place_K in zip(sums.items(), places, strict=True):
        _, own = view.vocabulary.encode(valid)
        filled_N = np.diff(own) > 0
        roots = np.sqrt(np.diff(offsets)[filled_N] / np.diff(own)[filled_N]) if filled_N.any() else np.ones(1)
        weights_KC[place_K] += np.float32(factors[name] * roots.mean()) * view.weights_KC[: len(place_K)]
        bias_C += np.float32(factors[name]) * view.bias_C
    return Folded(vocabulary, weights_KC, bias_C)


def parts(vocabulary: NgramVocabulary) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each level the numbers, in the level before, of what its n-grams begin with and end with: int64 [L] both."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    num_words = len(vocabulary.words)
    for at, level in enumerate(vocabulary.keys):
        first_L, word_L = np.divmod(level, num_words)
        if not at:
            found.append((first_L, word_L))
            continue
        before = vocabulary.keys[at - 1]
        end_L = np.searchsorted(before, found[-1][1][first_L] * num_words + word_L)
        found.append((first_L, np.minimum(end_L, len(before) - 1)))
    return found


def closed(vocabulary: NgramVocabulary, kept_K: np.ndarray) -> np.ndarray:
    """The kept n-grams and the shorter ones that they begin with and end with, by which they are looked up; bool [K]."""
    kept_K = kept_K.copy()
    starts = level_starts(vocabulary)
    for at, pair in reversed(list(enumerate(parts(vocabulary)))):
        kept_L = kept_K[starts[at + 1] : starts[at + 2]]
        for each_L in pair:
            kept_K[starts[at] + each_L[kept_L]] = True
    return kept_K


def level_starts(vocabulary: NgramVocabulary) -> np.ndarray:
    """Where each level begins among all n-grams, and where the last one ends."""
    return np.cumsum([0, len(vocabulary.words), *map(len, vocabulary.keys)])


def quantised(weights_KC: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """Weights as what they are over the first class's, which a softmax cannot tell apart: float16, or whole steps of int8."""
    others = weights_KC[:, 1:] - weights_KC[:, :1]
    if kind == "float16":
        return {"weights": others.astype(np.float16), "steps": np.ones(others.shape[1], np.float32)}
    steps = np.maximum(np.abs(others).max(0, initial=0.0), 1e-12).astype(np.float32) / 127
    return {"weights": np.rint(others / steps).astype(np.int8), "steps": steps}
