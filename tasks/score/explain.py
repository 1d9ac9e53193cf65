"""Why a registered model gave a text its label: the words' shares, whichever textmill packaged it.

Nothing of Arrow is imported here, so that nobody waits for it who asks about one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.marked import LEVELS, Why, marks
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.marked import Explainer
    from tasks.model.explain import Explanation
    from tasks.register.models import LoadedModel

HEAVIEST = 5  # words named for a label, and as many against it


def explanations(
    loaded: LoadedModel, texts: Sequence[str], labels: Sequence[str | None] | None = None
) -> list[Explanation | None]:
    """Why each text got its label, the likeliest unless `labels` names another; None for one without tokens.

    RequestError for a model that cannot tell.
    """
    check_explains(loaded)
    found: list[Explanation | None] = loaded.model.explain(texts, labels)
    return found


def check_explains(loaded: LoadedModel) -> None:
    """RequestError for a model that cannot tell why, as it was packaged by an earlier textmill."""
    if not hasattr(loaded.model, "explains"):
        raise RequestError(f"{loaded.title} was packaged by a textmill that explained nothing; train it again")
    if not loaded.model.explains:
        raise RequestError(f"{loaded.title} was packaged by a textmill that explained models of n-grams alone; train it again")


def as_values(explanation: Explanation | None) -> dict[str, Any] | None:
    """An explanation as JSON values."""
    if explanation is None:
        return None
    return {**explanation._asdict(), "words": [word._asdict() for word in explanation.words]}


def heaviest(explanation: Explanation, number: int = HEAVIEST) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The words that speak most for the label and those that speak most against it; a word's places are added up."""
    shares: dict[str, float] = {}
    for word in explanation.words:
        shares[word.word] = shares.get(word.word, 0.0) + word.share
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])
    return [pair for pair in ranked[:number] if pair[1] > 0], [pair for pair in ranked[::-1][:number] if pair[1] < 0]


def explainer(loaded: LoadedModel, label: str) -> Explainer | None:
    """A function that says of texts what speaks for `label` and against it; None where `unexplained` says why not."""
    if unexplained(loaded):
        return None

    def explain(texts: Sequence[str]) -> list[Why]:
        found = loaded.model.explain(texts, [label] * len(texts))
        return [_why(text, each) if each else Why() for text, each in zip(texts, found, strict=True)]

    return explain


def _why(text: str, explanation: Explanation) -> Why:
    """Marks, and the heaviest words, as the text writes them and as far as they are worth a mark."""
    written = {word.word: text[word.start : word.end] for word in reversed(explanation.words) if word.start < word.end}
    both = heaviest(explanation)
    most = max((abs(share) for words in both for _, share in words), default=0.0)
    told = (
        [
            (written.get(word, word), share)
            for word, share in words
            if abs(share) >= LEVELS[0] * most and any(map(str.isalnum, written.get(word, word)))
        ]
        for words in both
    )
    return Why(marks(explanation.words), *told)


def unexplained(loaded: LoadedModel) -> str:
    """Why a page does not say what decided about the texts on it; empty for a model that says so, and quickly."""
    model = loaded.model
    if not getattr(model, "explains", False):
        return said("{model} was packaged by a textmill that could not tell; train it again", model=loaded.title)
    if not getattr(model, "explains_quickly", True):
        return said(
            "{model} would be asked about a hundred parts of each text; textmill predict --explain does so for one",
            model=loaded.title,
        )
    return ""
