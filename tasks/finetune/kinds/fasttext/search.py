"""Where the settings of `fasttext` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.search import Among, Between

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return {
        "ngrams": Among((1, 2, 3, 4, 5)),
        "fasttext.dim": Among((10, 20, 50, 100)),
        "fasttext.epoch": Between(3, 100, log=True, whole=True),
        "fasttext.lr": Between(0.05, 2.0, log=True),
        "fasttext.min_count": Among((1, 2, 5)),
        "fasttext.minn,fasttext.maxn": Among(((0, 0), (2, 4), (3, 6))),
    }
