"""Where the settings of `encoder` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.search import Among, Between

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    settings = config.settings(EncoderSettings)
    if settings.zero_shot:
        return {}
    if settings.frozen:
        return {
            "class_weights": Among(("none", "balanced")),
            "encoder.pooling": Among(("mean", "cls")),
            "encoder.l2": Between(1e-4, 1.0, log=True),
        }
    return {"encoder.lr": Between(1e-5, 2e-3, log=True), "encoder.epochs": Between(2, 10, whole=True)}
