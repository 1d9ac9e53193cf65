"""The promise that no record disappears, in one line: found = kept + duplicates + quarantined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def equation(counts: Mapping[str, Any], kept: str = "kept") -> str:
    """The promise with its numbers; `kept` names the count of what was used, such as `scored`."""
    return (
        f"found {counts['found']:,} = {kept} {counts[kept]:,} + duplicates {counts['duplicates']:,} "
        f"+ quarantined {counts['quarantined']:,}"
    )
