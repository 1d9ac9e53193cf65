"""Answer or abstain: what a registered model promises about the error among its answers, whichever textmill packaged it.

Nothing of Arrow is imported here, so that nobody waits for it who asks about one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.model.abstention import Abstention, Promise
from tasks.model.costs import NO_ANSWER, Costs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.register.models import LoadedModel

UNCERTAIN = "uncertain"  # why a text that the model can read gets no label


def promised(loaded: LoadedModel, max_error: float, *, each_label: bool = False) -> Promise:
    """When the model answers, so that at most `max_error` of the answers are wrong; of each label's answers with `each_label`.

    RequestError: the package carries no table to promise by, or its calibration rows cannot promise so little.
    """
    carried = Abstention.read(loaded.model.folder) if hasattr(loaded.model, "folder") else None
    if carried is None:
        raise RequestError(
            f"{loaded.title} carries no promise of its error; train it again with --evaluate.promise held, "
            "or give --min-confidence"
        )
    try:
        return carried.promise(max_error, each_label=each_label)
    except RequestError as error:
        raise RequestError(f"{loaded.title}: {error}") from None


def check_abstention(max_error: float | None, min_confidence: float | None, *, each_label: bool, by_cost: bool = False) -> None:
    """Raise RequestError for options that say two things about when to answer, or nothing."""
    for flag, value in (("--max-error", max_error), ("--min-confidence", min_confidence)):
        if by_cost and value is not None:
            raise RequestError(f"{flag} {value:g} and --by-cost both say when to answer; give one of them")
    if max_error is not None and min_confidence is not None:
        raise RequestError(
            f"--max-error {max_error:g} and --min-confidence {min_confidence:g} both say when to answer; give one of them"
        )
    if each_label and max_error is None:
        raise RequestError("--each-label makes the promise of --max-error for each label; give that too")


def costs_of(loaded: LoadedModel) -> Costs:
    """The costs that the model's package carries; RequestError if it carries none."""
    carried = Costs.read(loaded.model.folder) if hasattr(loaded.model, "folder") else None
    if carried is None:
        raise RequestError(
            f"{loaded.title} carries no costs; train it again with --evaluate.costs FILE --evaluate.by-cost true"
        )
    return carried


def given(probabilities_NC: np.ndarray, rule: Promise | Costs | float | None) -> np.ndarray:
    """The position of each text's label, int64 [N], by the least confidence, a promise or costs; NO_ANSWER for none."""
    if isinstance(rule, Costs):
        return rule.decide(probabilities_NC)
    best_N = probabilities_NC.argmax(axis=1)
    if rule is None:
        return best_N
    if isinstance(rule, Promise):
        return np.where(rule.answers(probabilities_NC), best_N, NO_ANSWER)
    return np.where(probabilities_NC.max(axis=1, initial=0.0) >= rule, best_N, NO_ANSWER)


def abstaining(predictions: Sequence[dict[str, Any]], rule: Promise | Costs) -> list[dict[str, Any]]:
    """The predictions of a model by a promise or by costs: some have no label, by costs some another; probabilities stay."""
    read = [place for place, prediction in enumerate(predictions) if prediction["reason"] is None]
    found = list(predictions)
    if not read:
        return found
    probabilities_NC = np.array([list(predictions[place]["probabilities"].values()) for place in read], np.float32)
    for place, label in zip(read, given(probabilities_NC, rule).tolist(), strict=True):
        probabilities = predictions[place]["probabilities"]
        if label == NO_ANSWER:
            found[place] = {**predictions[place], "label": None, "reason": UNCERTAIN}
        else:
            name = list(probabilities)[label]
            found[place] = {**predictions[place], "label": name, "confidence": probabilities[name]}
    return found
