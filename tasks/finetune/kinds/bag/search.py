"""Where the settings of `bag` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.search import Among, Between

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return {
        "ngrams": Among((1, 2, 3, 4)),
        "class_weights": Among(("none", "balanced")),
        "bag.min_documents": Among((1, 2, 3, 5)),
        "bag.epochs": Between(3, 40, log=True, whole=True),
        "bag.lr": Between(0.003, 0.2, log=True),
        "bag.dropout": Between(0.0, 0.7),
    }
