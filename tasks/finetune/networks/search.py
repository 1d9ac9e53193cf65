"""Where the settings that all networks share may be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.search import Among, Between

if TYPE_CHECKING:
    from tasks.finetune.search import Space

OF_NETWORKS: Space = {
    "class_weights": Among(("none", "balanced")),
    "network.lr": Between(3e-4, 0.02, log=True),
    "network.dropout": Between(0.1, 0.7),
    "network.embedding_dropout": Between(0.0, 0.4),
    "network.batch_size": Among((16, 32, 64, 128)),
}
