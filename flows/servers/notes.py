"""Small JSON files that one process leaves for the next: whole or not there, and of one that was killed nothing stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.durable import replaced
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_note(path: Path, values: Mapping[str, object]) -> None:
    """Write values as JSON, replacing what stood there; OSError, and all as it was, if the disk does not take them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as partial:
        partial.write_text(json_text(values, indent=1), encoding="utf-8")
