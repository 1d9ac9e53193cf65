"""Which words of a text made its label.

A label's log-odds are its calibrated logit less the mean of the others'. Views of n-grams are sums over words and are split
with nothing left over. The shares of networks that read words are integrated gradients (see gradients.py), those of any
other view come from taking words out (see removal.py). A sum of views adds their shares.

Shapes: N texts, T tokens of all texts, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .classifier import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .classifier import Classifier
    from .text.tokenize import TextToTokens

BATCH = 1024


class Share(NamedTuple):
    """What a word adds to the log-odds of a label; `start` and `end` count characters of the text as it was given."""

    word: str
    start: int
    end: int
    share: float


class Explanation(NamedTuple):
    """The log-odds of a label, and what they are the sum of: `bias`, which is there without any word, the words' shares, and
    the remainder that a network's shares leave.
    """

    label: str
    log_odds: float
    bias: float
    words: list[Share]
    remainder: float = 0.0


class Explained(NamedTuple):
    """Explanations in columns: of each text its label's number, int64 [N], and three float64 [N]; the tokens of all texts one
    after another, where each text's begin, int64 [N + 1], their places in their text, int64 [T], and their shares, float64 [T].
    """

    labels: np.ndarray
    log_odds: np.ndarray
    bias: np.ndarray
    remainder: np.ndarray
    words: list[str]
    first: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    shares: np.ndarray


class Explainer:
    """Explains what a classifier says of texts."""

    def __init__(self, classifier: Classifier, text_to_tokens: TextToTokens) -> None:
        self._classifier, self._text_to_tokens = classifier, text_to_tokens

    def explain(self, texts: Sequence[str], labels: Sequence[str | None] | None = None) -> list[Explanation | None]:
        """Why each text got its label, or what speaks for and against the label given for it; None for one without tokens."""
        explained: list[Explanation | None] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            asked = None if labels is None else [self._number(label) for label in labels[start : start + BATCH]]
            _, columns = self.logits_and_words(batch, self._text_to_tokens.batch(batch), asked)
            explained += explanations(columns, self._classifier.labels)
        return explained

    def logits_and_words(
        self, texts: Sequence[str], documents: Sequence[Sequence[str]], labels: Sequence[int] | None = None
    ) -> tuple[np.ndarray, Explained]:
        """The logits before calibration of texts with these tokens, float32 [N, C], and the explanations in columns.

        `labels` are numbers of labels; the likeliest takes the place of a number below 0.
        """
        starts_T, ends_T = places = self._text_to_tokens.places(texts, documents)
        split = self._classifier.split(Tokens(documents, texts, lambda: places))
        logits_NC = split.logits
        labels_N = logits_NC.argmax(1) if len(logits_NC) else np.zeros(0, np.int64)
        if labels is not None:
            labels_N = np.where(np.array(labels) < 0, labels_N, labels)
        toward_NC = _over_others(labels_N, logits_NC.shape[1])
        words_T, alone_N, remainder_N = split.toward(toward_NC)
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(tokens) for tokens in documents], dtype=np.int64)])
        document_T = np.repeat(np.arange(len(documents)), np.diff(first))
        log_odds_N = alone_N + np.bincount(document_T, weights=words_T, minlength=len(documents)) + remainder_N
        words = [token for tokens in documents for token in tokens]
        return logits_NC, Explained(labels_N, log_odds_N, alone_N, remainder_N, words, first, starts_T, ends_T, words_T)

    def _number(self, label: str | None) -> int:
        return -1 if label is None else self._classifier.labels.index(label)


def explanations(columns: Explained, labels: Sequence[str]) -> Iterator[Explanation | None]:
    """One after another; None for a text without tokens."""
    for row, (start, stop) in enumerate(zip(columns.first[:-1].tolist(), columns.first[1:].tolist(), strict=True)):
        if start == stop:
            yield None
            continue
        part = slice(start, stop)
        places = columns.starts[part].tolist(), columns.ends[part].tolist()
        words = list(map(Share, columns.words[part], *places, columns.shares[part].tolist()))
        log_odds, bias, remainder = (float(each[row]) for each in (columns.log_odds, columns.bias, columns.remainder))
        yield Explanation(labels[int(columns.labels[row])], log_odds, bias, words, remainder)


def _over_others(labels_N: np.ndarray, num_labels: int) -> np.ndarray:
    """What logits are multiplied by and added up, to have a label's less the mean of the others'; float64 [N, C]."""
    toward_NC = np.full((len(labels_N), num_labels), -1 / max(num_labels - 1, 1))
    toward_NC[np.arange(len(labels_N)), labels_N] = 1.0
    return toward_NC
