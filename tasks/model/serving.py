"""A trained model as its users see it: texts in, labels and probabilities out. Models carry a copy of this file.

Shapes: N texts, C labels.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import RequestError
from .classifier import Classifier
from .explain import Explained, Explainer, Explanation
from .no_label import NO_KNOWN_WORD, NO_TOKENS
from .text.token_batch import num_tokens
from .text.tokenize import TextToTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .neighbours import Sparse
    from .replies import Replies

MODEL = "model"
TEXT = "text.json"
LABELS = "labels.json"
HASHES = "training_hashes.npy"
REPLIES = "replies.json"  # of replies.py, which only packages have that carry this file
SEPARATOR = "\x1f"  # of tokens that are hashed together
COLUMN = "text"
BATCH = 1024
MAX_ROWS = 10_000  # of one request
MAX_CHARS = 1_000_000  # of one text, as ingest takes them by default

__all__ = [
    "Answer",
    "Explained",
    "Explanation",
    "Reading",
    "RequestError",
    "TextClassifier",
    "request_texts",
    "training_hashes",
]


class Answer(NamedTuple):
    """What a model says of texts: probabilities float32 [N, C], their numbers of tokens int64 [N], and `blank` bool [N].

    In a blank text the model found nothing to read, so that the probabilities say nothing about it.
    """

    probabilities: np.ndarray
    tokens: np.ndarray
    blank: np.ndarray


class Reading(NamedTuple):
    """An answer with the number of tokens of each text that the model has no word for, int64 [N]."""

    probabilities: np.ndarray
    tokens: np.ndarray
    unseen: np.ndarray
    blank: np.ndarray


class TextClassifier:
    """Turns raw texts into calibrated probabilities of `labels`."""

    def __init__(self, folder: Path) -> None:
        """Read a package's folder, whose files somebody has verified."""
        self.folder = folder
        self._text_to_tokens = TextToTokens(json.loads((folder / TEXT).read_text(encoding="utf-8")))
        self._classifier = Classifier.load(folder / MODEL)
        self.labels: list[str] = list(self._classifier.labels)
        self._hashes: np.ndarray | None = None

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of each label for each text: float32 [N, C], rows in the order of `texts`, columns of `labels`."""
        return self.answer(texts).probabilities

    def answer(self, texts: Sequence[str]) -> Answer:
        """The probabilities, and in which texts the model finds anything to read."""
        parts = [Answer(np.zeros((0, len(self.labels)), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))]
        return Answer(*map(np.concatenate, zip(*parts, *(part for *_, part in self._answers(texts)), strict=True)))

    def read(self, texts: Sequence[str]) -> Reading:
        """The answer, with how much of each text the model has never seen."""
        none = np.zeros(0, np.int64)
        parts = [Reading(np.zeros((0, len(self.labels)), np.float32), none, none, none.astype(bool))]
        for batch, documents, (probabilities, tokens, blank) in self._answers(texts):
            parts.append(Reading(probabilities, tokens, self._classifier.unseen(documents, batch), blank))
        return Reading(*map(np.concatenate, zip(*parts, strict=True)))

    def _answers(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[list[str]], Answer]]:
        """One batch of texts after another, with their tokens and the answer."""
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            documents = self._text_to_tokens.documents(batch)
            yield batch, documents, self._answer(batch, documents, self._classifier.probabilities(documents, batch))

    def _answer(self, texts: Sequence[str], documents: Sequence[Sequence[str]], probabilities_NC: np.ndarray) -> Answer:
        return Answer(probabilities_NC, num_tokens(documents), self._classifier.blank(documents, probabilities_NC, texts))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One dict a text: label, its probability as confidence, the probabilities by label, and a reason.

        Where `reason` is not None there is no label: the model knows no word of the text, and its probabilities are the same
        for every such text; or nothing is left of it after cleaning, and there are no probabilities either.
        """
        answer = self.answer(texts)
        predictions: list[dict[str, Any]] = []
        for row_C, tokens, blank in zip(answer.probabilities.astype(float), answer.tokens, answer.blank, strict=True):
            prediction = {
                "label": self.labels[int(row_C.argmax())],
                "confidence": float(row_C.max()),
                "probabilities": dict(zip(self.labels, row_C.tolist(), strict=True)),
                "reason": None,
            }
            if blank:
                prediction |= {"label": None, "reason": NO_KNOWN_WORD}
            if not tokens:
                prediction = {**dict.fromkeys(prediction), "reason": NO_TOKENS}
            predictions.append(prediction)
        return predictions

    @property
    def explains(self) -> bool:
        """Whether it can be asked to explain; some packages of earlier times could not."""
        return True

    @property
    def explains_quickly(self) -> bool:
        """Whether explaining a text costs about as much as labelling some tens; where it does not, some hundreds."""
        return self._classifier.splits_quickly

    def explain(self, texts: Sequence[str], labels: Sequence[str | None] | None = None) -> list[Explanation | None]:
        """Which words made each text's label, or speak for and against the label given for it; see `Explainer`."""
        return Explainer(self._classifier, self._text_to_tokens).explain(texts, labels)

    def answer_explained(self, texts: Sequence[str]) -> Iterator[tuple[Answer, Explained]]:
        """For one batch of texts after another what `answer` gives, and why, in columns."""
        explainer = Explainer(self._classifier, self._text_to_tokens)
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            documents = self._text_to_tokens.batch(batch)
            logits_NC, explained = explainer.logits_and_words(batch, documents)
            yield self._answer(batch, documents, self._classifier.calibrated(logits_NC)), explained

    @cached_property
    def replies(self) -> Replies | None:
        """The answers that go with its labels, if the package carries some."""
        if not (self.folder / REPLIES).is_file():
            return None
        from .replies import Replies

        return Replies.read(self.folder)

    def replied(self, texts: Sequence[str], predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The predictions of these texts with `answer`, or else the `similar` questions; as they are if none are carried."""
        replies = self.replies
        if replies is None:
            return list(predictions)

        def made(rows: list[int]) -> np.ndarray | Sparse | None:
            chosen = [texts[row] for row in rows]
            return self._classifier.likeness(self._text_to_tokens.batch(chosen), chosen)

        return replies.added(predictions, made)

    def trained_on(self, texts: Sequence[str]) -> np.ndarray:
        """Whether the same tokens were among the rows this model was trained or selected on: bool [N]."""
        if self._hashes is None:
            self._hashes = np.load(self.folder / HASHES, allow_pickle=False)
        parts = [
            np.isin(training_hashes(self._text_to_tokens.batch(texts[start : start + BATCH])), self._hashes)
            for start in range(0, len(texts), BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, bool)


def training_hashes(documents: Iterable[Sequence[str]]) -> np.ndarray:
    """The first 8 bytes of SHA-256 over each document's tokens: uint64 [N]."""
    return text_hashes(map(SEPARATOR.join, documents))


def text_hashes(joined: Iterable[str]) -> np.ndarray:
    """`training_hashes` of documents whose tokens are joined by SEPARATOR: uint64 [N]."""
    digests = (hashlib.sha256(tokens.encode()).digest() for tokens in joined)
    return np.fromiter((int.from_bytes(digest[:8], "big") for digest in digests), np.uint64)


def request_texts(request: Any) -> list[str]:
    """The texts of a request: a frame with a column `text`, a list of texts, or one text.

    A single cell that holds a list is what MLflow's server makes of `{"inputs": ["…", "…"]}`. RequestError if anything is no
    text, too long, or too much.
    """
    if isinstance(request, str):
        request = [request]
    columns = getattr(request, "columns", None)
    if columns is not None:
        if COLUMN not in columns:
            raise RequestError(f"column {COLUMN!r} is missing; send texts as {{'inputs': ['…']}} or in a column {COLUMN!r}")
        request = request[COLUMN]
        if getattr(request, "ndim", 1) != 1:
            raise RequestError(f"column {COLUMN!r} is there {request.shape[1]} times; send it once")
    values = list(request)
    if len(values) == 1 and isinstance(values[0], list | tuple | np.ndarray):
        values = list(values[0])
    if len(values) > MAX_ROWS:
        raise RequestError(f"{len(values)} texts are too many for one request; send at most {MAX_ROWS}")
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise RequestError(f"row {row}: expected a text, got {_kind(value)}")
        if len(value) > MAX_CHARS:
            raise RequestError(f"row {row}: a text of {len(value)} characters is too long; send at most {MAX_CHARS}")
        try:
            value.encode()
        except UnicodeEncodeError as error:  # JSON's escapes can write one, and `score` puts it into quarantine
            raise RequestError(
                f"row {row}: half of a character (U+{ord(value[error.start]):04X}); send valid Unicode"
            ) from None
    return [str(value) for value in values]


def _kind(value: Any) -> str:
    if value is None or value != value:
        return "nothing"
    return "a list" if isinstance(value, list | tuple | np.ndarray) else type(value).__name__
