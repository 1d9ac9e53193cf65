"""Where the settings of `cnn` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.networks.search import OF_NETWORKS
from tasks.finetune.search import Among

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return {**OF_NETWORKS, "cnn.filters": Among((50, 100, 200, 300)), "cnn.widths": Among(([1, 2, 3], [2, 3, 4], [3, 4, 5]))}
