"""The promise that no record disappears, in one line: found = kept + duplicates + quarantined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping


def equation(counts: Mapping[str, Any]) -> str:
    """The promise with its numbers."""
    return said(
        "found {found:,} = kept {kept:,} + duplicates {duplicates:,} + quarantined {quarantined:,}",
        **{name: counts[name] for name in ("found", "kept", "duplicates", "quarantined")},
    )
