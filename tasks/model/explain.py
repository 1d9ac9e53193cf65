"""Which words of a text made its label, for models that are sums over words: exactly, with no remainder.

A label's log-odds are its calibrated logit less the mean of the others'. Such a model's logit is a sum over n-grams; the share
of an n-gram is spread evenly over its words and over the places where the text has it.

Shapes: T tokens of all texts, W tokens of a text, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .scores import over_others

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
    """The log-odds of a label, and what they are the sum of: `bias`, which is there without any word, and the words' shares."""

    label: str
    log_odds: float
    bias: float
    words: list[Share]


class Explainer:
    """Explains what a classifier says of texts."""

    def __init__(self, classifier: Classifier, text_to_tokens: TextToTokens) -> None:
        self._classifier, self._text_to_tokens = classifier, text_to_tokens

    def explain(self, texts: Sequence[str], labels: Sequence[str | None] | None = None) -> list[Explanation | None]:
        """Why each text got its label, or what speaks for and against the label given for it; None for one without tokens.

        RequestError for a model that is no sum over words.
        """
        explained: list[Explanation | None] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            explained += self._explained(batch, [None] * len(batch) if labels is None else labels[start : start + BATCH])
        return explained

    def _explained(self, texts: Sequence[str], asked: Sequence[str | None]) -> Iterator[Explanation | None]:
        documents, labels = self._text_to_tokens.batch(texts), self._classifier.labels
        shares_TC, bias_C = self._classifier.shares(documents)
        done = 0
        for text, tokens, label in zip(texts, documents, asked, strict=True):
            of_words_WC = shares_TC[done : done + len(tokens)]
            done += len(tokens)
            if not tokens:
                yield None
                continue
            column = int((of_words_WC.sum(0) + bias_C).argmax()) if label is None else labels.index(label)
            over_W, bias = over_others(of_words_WC, column), float(over_others(bias_C, column))
            words = [
                Share(token, *place, float(share))
                for token, place, share in zip(tokens, self._text_to_tokens.places(text), over_W, strict=True)
            ]
            yield Explanation(labels[column], bias + float(over_W.sum()), bias, words)
