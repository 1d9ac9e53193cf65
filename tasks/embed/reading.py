"""How a text becomes a vector, for the kinds of model that read such vectors."""

from __future__ import annotations

from typing import Literal

from tasks.section import Count, Positive, Section

Pooling = Literal["mean", "cls", "last"]
Truncate = Literal["head", "tail", "head+tail"]


class EmbedConfig(Section):
    """How a text becomes a vector."""

    pooling: Pooling
    max_len: Positive
    truncate: Truncate
    layers: Count = 0
