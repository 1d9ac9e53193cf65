"""Keep calls that the tracking server did not take on disk, until it does.

A spool is a file of JSON lines, one call each, in the order they were made. The process that writes or sends it holds a lock on
it, so no two processes send the same lines. A kill in the middle of sending sends some twice: each call must bear that.
"""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

from tasks.durable import take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = ("runs", "spool")


class Unreachable(Exception):  # noqa: N818
    """The tracking server did not take a call, and may take it later."""


class Spool:
    """The calls that one process could not make; the file appears with the first of them."""

    def __init__(self, data_root: Path, uri: str) -> None:
        self.folder = data_root.joinpath(*FOLDER)
        self.uri = uri
        self._descriptor: int | None = None
        self.path = self.folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:12]}.jsonl"

    @property
    def waiting(self) -> bool:
        """Whether any call waits in it."""
        return self._descriptor is not None

    def add(self, call: dict[str, Any]) -> None:
        """Append one call and flush it to disk; OSError, and nothing appended, if the disk does not take all of it."""
        if self._descriptor is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = _open_locked(self.path)
        line, size = _line({**call, "uri": self.uri}), os.fstat(self._descriptor).st_size
        if os.write(self._descriptor, line) != len(line):  # so the kernel says it where a part still fits
            os.ftruncate(self._descriptor, size)  # half a line would swallow the next
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        os.fsync(self._descriptor)  # of the open file, whose lock closing it would give up

    def send(self, call: Callable[[dict[str, Any]], object]) -> None:
        """Make every waiting call; on Unreachable those not made stay, and the exception passes on."""
        if self._descriptor is not None:
            _send(self.path, call)
            self.close()

    def close(self) -> None:
        """Let another process send the calls that wait."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def send_left_behind(self, call: Callable[[dict[str, Any]], object]) -> None:
        """Make the calls that ended processes left for this store, oldest first; Unreachable passes on."""
        for path in sorted(self.folder.glob("*.jsonl")):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                take(descriptor, wait=False)
                if not _is_at(descriptor, path):
                    continue  # sent by another, and perhaps begun anew by its owner
                if all(line.get("uri") == self.uri for line in read_calls(path)):
                    _send(path, call)
            except BlockingIOError:
                continue  # its process lives, and will send them itself
            finally:
                os.close(descriptor)


def _open_locked(path: Path) -> int:
    """Open a file to append to it, and lock it; a file that another process deleted before we had the lock is made anew."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        take(descriptor)
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def read_calls(path: Path) -> list[dict[str, Any]]:
    """The calls of a file; a last line that a killed process did not finish is left out."""
    calls = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            calls.append(json.loads(line))
        except ValueError:
            continue
    return calls


def _send(path: Path, call: Callable[[dict[str, Any]], object]) -> None:
    waiting = read_calls(path)
    for position, line in enumerate(waiting):
        try:
            call(line)
        except Unreachable:
            # In place, so that the lock on the file holds.
            if position:
                with path.open("r+b") as file:
                    file.write(b"".join(_line(rest) for rest in waiting[position:]))
                    file.truncate()
            raise
    path.unlink(missing_ok=True)


def _line(call: dict[str, Any]) -> bytes:
    return json.dumps(call, separators=(",", ":")).encode() + b"\n"
