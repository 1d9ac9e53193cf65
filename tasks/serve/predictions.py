"""What a model says of texts, as JSON values, and how much of them it had never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.model.no_label import NO_KNOWN_WORD, NO_TOKENS
from tasks.score.predict import predict_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList


class Labelled(NamedTuple):
    """One dict a text, as `textmill predict --json` prints them; the numbers of their tokens, and of those without a place."""

    predictions: list[dict[str, Any]]
    tokens: int
    unseen: int


def label(loaded: LoadedModel, texts: Sequence[str]) -> Labelled:
    """Label texts. A package of before textmill 0.2 counts no tokens."""
    if not hasattr(loaded.model, "read"):
        return Labelled(predict_texts(loaded, texts), 0, 0)
    reading, labels = loaded.model.read(texts), loaded.model.labels
    if not hasattr(reading, "blank"):
        return Labelled(predict_texts(loaded, texts), int(reading.tokens.sum()), int(reading.unseen.sum()))
    rows = reading.probabilities.astype(float).tolist()
    columns = reading.probabilities.argmax(axis=1).tolist() if rows else []
    predictions: list[dict[str, Any]] = [
        {"label": labels[at], "confidence": row[at], "probabilities": dict(zip(labels, row, strict=True)), "reason": None}
        for row, at in zip(rows, columns, strict=True)
    ]
    for at in reading.blank.nonzero()[0].tolist():
        predictions[at] |= {"label": None, "reason": NO_KNOWN_WORD}
    for at in (reading.tokens == 0).nonzero()[0].tolist():
        predictions[at] = {**dict.fromkeys(predictions[at]), "reason": NO_TOKENS}
    return Labelled(predictions, int(reading.tokens.sum()), int(reading.unseen.sum()))


def explained(loaded: LoadedModel, texts: Sequence[str], predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The predictions, each with the shares of its words; RequestError for a model that cannot tell them."""
    from tasks.score.explain import as_values, explanations

    return [
        prediction | {"explanation": as_values(why)}
        for prediction, why in zip(predictions, explanations(loaded, texts), strict=True)
    ]


def towards(
    loaded: LoadedModel, watch: WatchList, texts: Sequence[str], predictions: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The predictions, as `label` gives them, each with the sentiment towards the names of its text."""
    import numpy as np

    from tasks.score.towards import towards_names

    nothing = dict.fromkeys(loaded.model.labels, 0.0)
    rows = [list((prediction["probabilities"] or nothing).values()) for prediction in predictions]
    probabilities_NC = np.array(rows, np.float64).reshape(len(texts), len(nothing))
    told = towards_names(loaded, watch, texts, probabilities_NC, [prediction["reason"] for prediction in predictions])
    return [prediction | {"towards": each} for prediction, each in zip(predictions, told, strict=True)]
