"""What a registered model says of each name of a watch-list in a text. Shapes: N texts, C labels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.score.answers import answers
from tasks.towards.towards import TEXT, sentiment_towards, trained_on_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList


def towards_names(
    loaded: LoadedModel,
    watch: WatchList,
    texts: Sequence[str],
    probabilities_NC: np.ndarray,
    reasons: Sequence[str | None],
) -> list[list[dict[str, Any]]]:
    """For each text its names in alphabetical order: name, label, confidence, and `from`: pair, clause or text.

    `reasons` say of which texts the model reads nothing; what is from such a text has no label and no confidence. When a model
    abstains is a matter of the text's label alone.
    """
    found: list[list[dict[str, Any]]] = [[] for _ in texts]
    model, labels = loaded.model, loaded.model.labels
    told = sentiment_towards(watch.mentions(texts), probabilities_NC, partial(answers, model), by_pair=trained_on_pairs(model))
    best_K = told.probabilities.argmax(axis=1)
    for pair, (row, name, origin) in enumerate(zip(told.rows.tolist(), told.names, told.origins, strict=True)):
        unread = origin == TEXT and reasons[row] is not None
        label = None if unread else labels[best_K[pair]]
        confidence = None if unread else float(told.probabilities[pair, best_K[pair]])
        found[row].append({"name": name, "label": label, "confidence": confidence, "from": origin})
    return found


def with_towards(
    loaded: LoadedModel, watch: WatchList, texts: Sequence[str], predictions: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The predictions of these texts, each with `towards`, as `towards_names` gives it."""
    probabilities_NC, reasons = answers(loaded.model, texts)
    told = towards_names(loaded, watch, texts, probabilities_NC, reasons)
    return [prediction | {"towards": each} for prediction, each in zip(predictions, told, strict=True)]
