"""What a registered model answers, whichever textmill packaged it. Shapes: N texts, C labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.model.no_label import NO_KNOWN_WORD, NO_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.model.serving import TextClassifier


def answers(model: TextClassifier, texts: Sequence[str]) -> tuple[np.ndarray, list[str | None]]:
    """Probabilities float32 [N, C], and for each text the reason why they say nothing about it, or None.

    A package of before textmill 0.2 knows only whether a text has tokens; one of before it could say that, not even this.
    """
    if hasattr(model, "answer"):
        answer = model.answer(texts)
        return answer.probabilities, reasons(answer.tokens, answer)
    if hasattr(model, "read"):
        reading = model.read(texts)
        return reading.probabilities, reasons(reading.tokens, reading)
    return model.probabilities(texts), [None] * len(texts)


def reasons(tokens_N: np.ndarray, answer: Any) -> list[str | None]:
    """The reasons that go with a package's `Answer` or `Reading`."""
    blank_N = getattr(answer, "blank", tokens_N == 0)
    found: list[str | None] = [None] * len(tokens_N)
    for row in np.nonzero(blank_N)[0]:
        found[row] = NO_KNOWN_WORD if tokens_N[row] else NO_TOKENS
    return found
