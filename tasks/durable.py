"""Locks that end with their process, files that are replaced whole or not at all, and how many cores there are."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.processes import runs, start_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTIAL = ".part"
_PARTIAL_NAME = re.compile(rf"\.(\d+)-(\d+){re.escape(PARTIAL)}(?:-journal|-wal|-shm)?$")
PRIVATE = 0o600


@contextlib.contextmanager
def locked(
    path: Path, *, shared: bool = False, wait: bool = True, waiting: Callable[[], object] | None = None
) -> Iterator[int]:
    """Hold the lock of a file, which is made if it is missing; gives its descriptor.

    The kernel lets go of it when the process ends, however that ends. `waiting` is called once if another process holds it.
    BlockingIOError if it is taken and `wait` is false; OSError if the file can't be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        try:
            take(descriptor, shared=shared, wait=False)
        except BlockingIOError:
            if not wait:
                raise
            if waiting is not None:
                waiting()
            take(descriptor, shared=shared)
        yield descriptor
    finally:
        os.close(descriptor)


def take(descriptor: int, *, shared: bool = False, wait: bool = True) -> None:
    """Take the lock of an open file, until it is closed; BlockingIOError if it is taken and `wait` is false."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)


@contextlib.contextmanager
def replaced(target: Path, *, mode: int = 0o666, flushed: bool = False) -> Iterator[Path]:
    """Give a new file beside `target` that takes its place when the block ends; if it raises, `target` stays as it was.

    `mode` is that of the new file, less the umask; with `flushed` its bytes and its name are on the disk afterwards. Several
    processes may replace one file: the last one wins. The next process removes the leftovers of a killed
    one, with the files that SQLite had put beside them.
    """
    sweep_partials(target.parent, target.name)
    own = os.getpid()
    partial = target.with_name(f".{target.name}.{own}-{start_time(own)}{PARTIAL}")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode))
    try:
        yield partial
        if flushed:
            flush(partial)
        os.replace(partial, target)
    finally:
        for left in _beginning_with(target.parent, partial.name):
            left.unlink(missing_ok=True)
    if flushed:
        flush(target.parent)


def sweep_partials(folder: Path, name: str = "") -> None:
    """Remove the partial files of killed processes from a folder: those of one file, or of any."""
    for left in _beginning_with(folder, f".{name}"):
        begun = _PARTIAL_NAME.search(left.name)
        if begun is not None and not runs(int(begun[1]), begun[2]):
            left.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Append a line, without its end, to a file of lines that several processes write, and see it safely on the disk.

    A new file is its owner's alone. A line that a kill or a full disk cut short is ended first, so that it doesn't swallow this
    one; a character of UTF-8 that was cut off is removed. OSError if the disk doesn't take the whole line, or for a link.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    try:
        take(descriptor)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        if torn:
            os.ftruncate(descriptor, size - _cut_bytes(os.pread(descriptor, 3, max(0, size - 3))))
        data = (b"\n" if torn else b"") + line + b"\n"
        if os.write(descriptor, data) != len(data):  # so the kernel says it where a part still fits
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush(path: Path) -> None:
    """See a file's bytes, or the names in a folder, safely on the disk: they stay after a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """See every file below a folder, and every name, safely on the disk."""
    for root, _, files in os.walk(folder):
        for name in files:
            flush(Path(root, name))
        flush(Path(root))


def num_cores() -> int:
    """How many processors this process may use; a container or `taskset` may give it fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cut_bytes(tail: bytes) -> int:
    """How many of the last three bytes begin a character that was cut off: a file with those would not be UTF-8."""
    for length, first in ((1, 0xC0), (2, 0xE0), (3, 0xF0)):
        if len(tail) >= length and tail[-length] >= first:
            return length
    return 0


def _beginning_with(folder: Path, name: str) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.name.startswith(name)]
    except FileNotFoundError:
        return []
