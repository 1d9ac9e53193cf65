"""Answer or abstain: what a registered model promises about the error among its answers, whichever textmill packaged it.

Nothing of Arrow is imported here, so that nobody waits for it who asks about one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.model.abstention import Abstention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.model.abstention import Promise
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


def check_abstention(max_error: float | None, min_confidence: float | None, *, each_label: bool) -> None:
    """Raise RequestError for options that say two things about when to answer, or nothing."""
    if max_error is not None and min_confidence is not None:
        raise RequestError(
            f"--max-error {max_error:g} and --min-confidence {min_confidence:g} both say when to answer; give one of them"
        )
    if each_label and max_error is None:
        raise RequestError("--each-label makes the promise of --max-error for each label; give that too")


def abstaining(predictions: Sequence[dict[str, Any]], promise: Promise) -> list[dict[str, Any]]:
    """The predictions of a model without the labels that it cannot be sure enough of; the probabilities stay."""
    read = [place for place, prediction in enumerate(predictions) if prediction["reason"] is None]
    given = list(predictions)
    if read:
        probabilities_NC = np.array([list(predictions[place]["probabilities"].values()) for place in read], np.float32)
        for place, answered in zip(read, promise.answers(probabilities_NC).tolist(), strict=True):
            if not answered:
                given[place] = {**predictions[place], "label": None, "reason": UNCERTAIN}
    return given
