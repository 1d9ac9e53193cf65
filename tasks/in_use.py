"""Telling a file that another program holds, or has not finished writing, from one that is damaged.

A file in use needs patience, not repair: a user who moves a database away while another program writes it loses it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = "wait until that is done, and run it again"
FRESH_SECONDS = 60.0  # a file that was changed so lately may still be written, even by a program on another machine
RACY_SECONDS = 2.0  # a file that was changed so lately may change again and keep the time of its change
DAY_SECONDS = 86_400.0
HELD_ERRNO = {errno.EAGAIN, errno.EBUSY, errno.ETXTBSY, errno.EDEADLK, errno.ENOLCK}
HELD_WINDOWS = {32, 33}  # sharing and lock violations
HELD_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
HELD_WORDS = ("database is locked", "database table is locked", "database schema is locked", "being used by another process")
FORBIDDEN_ERRNO = {errno.EACCES, errno.EPERM, errno.EROFS}
FORBIDDEN_SQLITE = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY}


def is_held(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that another program has a lock on the file."""
    return any(
        _number(each) in HELD_ERRNO
        or getattr(each, "winerror", None) in HELD_WINDOWS
        or _sqlite_code(each) in HELD_SQLITE
        or any(word in str(each) for word in HELD_WORDS)
        for each in _causes(error)
    )


def is_forbidden(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that this user may not read or write the file."""
    return any(_number(each) in FORBIDDEN_ERRNO or _sqlite_code(each) in FORBIDDEN_SQLITE for each in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__  # SQLAlchemy's; Python's


def _number(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _sqlite_code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the kind alone, without its details


def unreadable(path: Path, error: BaseException, *, what: str = "damaged", after: str = "") -> str:
    """One line about a file that could not be read to its end: its state, and what to do.

    `after` is the part that could be read. A file that is held, forbidden or still being written is not called damaged.
    """
    reason = one_line(getattr(error, "strerror", None) or error) or type(error).__name__
    so_far = f" after {after}" if after else ""
    if is_forbidden(error) or is_held(error):
        what, so_far = "cannot be read", ""
    elif find_writer(path):
        what = "not whole"
    return f"{path}: {what}{so_far} ({reason}); {remedy(path, error)}"


def remedy(path: Path, error: BaseException, otherwise: str = "get a whole copy") -> str:
    """What to do about a file that could not be read: wait, check its permissions, or else `otherwise`."""
    if is_forbidden(error):
        return "check its permissions"
    if is_held(error):
        return f"it is in use by another program: {WAIT}"
    if writer := find_writer(path):
        return f"{writer} is still writing it: {WAIT}"
    seconds = _seconds_since_change(path)
    if seconds is not None and seconds < FRESH_SECONDS:
        return f"it was changed {seconds:.0f} s ago: if it is still being written, {WAIT}; else {otherwise}"
    return otherwise


def find_writer(path: Path) -> str:
    """Another process of this machine that has the file open for writing, in words; empty if none is seen."""
    try:
        wanted = path.stat()
    except OSError:
        return ""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        pid = folder.parent.name
        if int(pid) != os.getpid() and _writes(folder, (wanted.st_dev, wanted.st_ino)):
            return f"process {pid} ({_name(folder.parent)})"
    return ""


def writer_of_half_a_line(path: Path) -> str:
    """Another process that has begun a line of a text file and not ended it, in words; empty if no process has.

    Only files of the last day are looked at: finding the process that has a file open takes as long as reading a small one.
    """
    seconds = _seconds_since_change(path)
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            if seconds is None or seconds > DAY_SECONDS or not file.tell():
                return ""
            file.seek(-1, os.SEEK_END)
            return "" if file.read(1) == b"\n" else find_writer(path)
    except OSError:  # its reader says so
        return ""


def _writes(folder: Path, wanted: tuple[int, int]) -> bool:
    try:
        for descriptor in folder.iterdir():
            status = descriptor.stat()
            if (status.st_dev, status.st_ino) == wanted:
                flags = (folder.parent / "fdinfo" / descriptor.name).read_text().split("flags:")[1].split()[0]
                if int(flags, 8) & os.O_ACCMODE:
                    return True
    except (OSError, ValueError, IndexError):  # another user's, or gone by now
        return False
    return False


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text(errors="replace").strip()
    except OSError:
        return "gone by now"


def _seconds_since_change(path: Path) -> float | None:
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return None
