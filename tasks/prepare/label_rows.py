"""The rows of each label on each side of the split."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows_by_label(labels: Mapping[str, Mapping[str, int]]) -> dict[str, list[int]]:
    """Rows of each label in train, valid and test."""
    sides = [labels.get(side, {}) for side in ("train", "valid", "test")]
    return {name: [side.get(name, 0) for side in sides] for name in sorted(set().union(*sides))}
