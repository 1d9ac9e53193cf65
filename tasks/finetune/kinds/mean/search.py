"""Where the settings of `mean` may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.networks.search import OF_NETWORKS

if TYPE_CHECKING:
    from tasks.finetune.search import Space
    from tasks.finetune.settings import SharedSettings


def search(config: SharedSettings) -> Space:
    """Places and their values."""
    return dict(OF_NETWORKS)
