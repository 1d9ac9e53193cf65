"""Where the settings of `tfidf` may be searched."""

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
        "tfidf.min_documents": Among((1, 2, 3, 5)),
        "tfidf.c": Between(0.3, 300.0, log=True),
        "tfidf.naive_bayes": Among((0.0, 0.5, 1.0)),
    }
