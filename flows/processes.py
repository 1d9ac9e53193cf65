"""Telling a process that still runs from one that is gone, or whose id another process has by now."""

from __future__ import annotations

from pathlib import Path


def start_time(pid: int) -> str | None:
    """Clock ticks since boot at which a process started; None if it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else after_name[19]


def runs(pid: int, started: str | None) -> bool:
    """Whether the process that was started then still runs."""
    return started is not None and start_time(pid) == started
