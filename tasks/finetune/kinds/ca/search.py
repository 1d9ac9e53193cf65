"""Where the settings of `ca` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.search import Among, Between

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return {
        "ngrams": Among((1, 2, 3)),
        "class_weights": Among(("none", "balanced")),
        "ca.dim": Among((50, 100, 200, 400)),
        "ca.rounds": Among((5, 10, 20, 40)),
        "ca.min_documents": Among((2, 3, 5, 10)),
        "ca.l2": Between(1e-5, 0.1, log=True),
    }
