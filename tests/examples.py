"""How many examples a property test draws: in `make test` a fifth of those of `make test-long`, in `make fuzz` as one asks."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

FEWEST = 5


def examples(count: int, **more: Any) -> settings:
    """Draw `count` examples where a test without this draws a hundred, and in proportion under other profiles."""
    return settings(max_examples=max(FEWEST, settings().max_examples * count // 100), **more)
