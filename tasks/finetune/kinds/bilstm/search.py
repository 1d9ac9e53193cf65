"""Where the settings of `bilstm` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.networks.search import OF_NETWORKS
from tasks.finetune.search import Among

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return {**OF_NETWORKS, "bilstm.hidden": Among((50, 100, 200))}
