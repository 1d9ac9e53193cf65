"""Label texts by what the labels mean, with no trained model. In go texts, out come predictions as a model gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.model.no_label import NO_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from tasks.finetune.kind import ZeroShot
    from tasks.finetune.settings import FinetuneConfig


def predict_by_meaning(texts: Sequence[str], way: ZeroShot, config: FinetuneConfig, weights: Path) -> list[dict[str, Any]]:
    """One dict a text, in order, as a model's `predict` gives it; nobody has measured what the confidence is worth.

    `weights` is the folder that the step of that name wrote. RequestError for a label that is not described.
    """
    labels, probabilities_NC = way.answer(texts, config, weights)
    return [_prediction(labels, row_C, text) for row_C, text in zip(probabilities_NC, texts, strict=True)]


def _prediction(labels: Sequence[str], probabilities_C: np.ndarray, text: str) -> dict[str, Any]:
    prediction: dict[str, Any] = {
        "label": labels[int(probabilities_C.argmax())],
        "confidence": float(probabilities_C.max()),
        "probabilities": dict(zip(labels, probabilities_C.tolist(), strict=True)),
        "reason": None,
    }
    return prediction if text.strip() else {**dict.fromkeys(prediction), "reason": NO_TOKENS}
