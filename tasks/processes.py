"""Telling a process that still runs from one that is gone, or whose id another process has by now, or that another host has."""

from __future__ import annotations

import functools
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_TIMES = 10  # as long as `Patience` lasts at most


def start_time(pid: int) -> str | None:
    """Clock ticks since boot at which a process started; None if it is gone or a zombie."""
    found = _stat(pid)
    return None if not found or found[0] in "ZX" else found[19]


def folder_identity(folder: Path) -> list[int]:
    """The identity of a folder: it stays when the folder is renamed, and a copy has another."""
    status = folder.stat()
    return [status.st_dev, status.st_ino]


def is_of(folder: Path, identity: object) -> bool:
    """Whether a note with this identity was written in the folder itself, and did not come with a copy.

    Version 0.1 wrote none.
    """
    try:
        return identity is None or identity == folder_identity(folder)
    except OSError:
        return False


def runs(pid: int, started: str | None) -> bool:
    """Whether the process that was started then still runs."""
    return started is not None and start_time(pid) == started


@functools.cache
def this_host() -> dict[str, str]:
    """The name of this host, and of the time since its last start: ids of processes mean something there and then alone."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        return {"name": socket.gethostname(), "boot": boot.read_text().strip()}
    except OSError:
        return {"name": socket.gethostname(), "boot": ""}


def is_of_other_host(host: Mapping[str, Any] | None) -> bool:
    """Whether a note was written on another host than this; earlier versions wrote none."""
    return host is not None and host.get("name") != this_host()["name"]


def runs_on(host: Mapping[str, Any] | None, pid: int, started: str | None) -> bool:
    """Whether the process of a note of this host runs: not if the host has been started anew since."""
    return (host is None or host.get("boot") == this_host()["boot"]) and runs(pid, started)


class Patience:
    """How long to wait for a process that is starting: until it has used no processor time for some seconds.

    On a busy machine a start takes many times as long as on a quiet one, and works all the same. A process that works
    and never comes to an end is waited for ten times as long.
    """

    def __init__(self, pid: int, seconds: float, *, used: Callable[[int], int] | None = None) -> None:
        self.pid, self.seconds, self.used = pid, seconds, used or processor_time
        self._used = self.used(pid)
        self._since = self._begun = time.monotonic()

    def is_over(self) -> bool:
        """Whether it has been waited for long enough."""
        now, used = time.monotonic(), self.used(self.pid)
        if used != self._used:
            self._used, self._since = used, now
        return now - self._since > self.seconds or now - self._begun > self.seconds * MOST_TIMES


def processor_time(pid: int) -> int:
    """Tenths of a second of processor time that a process has used, 0 if it is gone: what its own polling takes is less."""
    found = _stat(pid)
    return (int(found[11]) + int(found[12])) // max(1, os.sysconf("SC_CLK_TCK") // 10) if found else 0


def _stat(pid: int) -> list[str]:
    """The kernel's fields of a process, from its state on; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
