"""Small JSON files that one process leaves for the next: whole or not there, and of one that was killed nothing stays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flows.processes import runs, start_time
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARTIAL = ".tmp"


def write_note(path: Path, values: Mapping[str, object]) -> None:
    """Write values as JSON, replacing what stood there; OSError, and all as it was, if the disk does not take them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.{start_time(os.getpid())}{PARTIAL}")
    try:
        partial.write_text(json_text(values, indent=1), encoding="utf-8")
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sweep_notes(folder: Path) -> None:
    """Delete what processes that are gone had begun to write there."""
    for partial in folder.glob(f"*{PARTIAL}"):
        *_, pid, started, _ = (".", *partial.name.rsplit(".", 3))
        if not (pid.isdigit() and runs(int(pid), started)):
            partial.unlink(missing_ok=True)
