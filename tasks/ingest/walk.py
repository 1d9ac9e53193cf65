"""Walk a folder in the order of its names' bytes. Links are reported, never followed; nothing but regular files is opened."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Found(NamedTuple):
    """Something below a folder: `kind` is file, or the reason why it is none."""

    name: bytes  # relative to the folder, parted by /
    path: bytes
    kind: str


def walk(folder: bytes, prefix: bytes = b"") -> Iterator[Found]:
    """Yield what is below `folder`, sorted, hidden names (`.x`) left out; memory is the names of the folders now open."""
    waiting = [_children(folder, prefix)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
        elif found.kind == "folder":
            waiting.append(_children(found.path, found.name + b"/"))
        else:
            yield found


def entries(folder: bytes) -> list[bytes]:
    """Sorted names in one folder, those of folders with a `/` at the end, hidden names left out."""
    with os.scandir(folder) as scan:
        return sorted(
            entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in scan
            if not entry.name.startswith(b".")
        )


def _children(folder: bytes, prefix: bytes) -> Iterator[Found]:
    try:
        names = entries(folder)
    except OSError:
        yield Found(prefix.rstrip(b"/"), folder, "unreadable")
        return
    for name in names:
        path = os.path.join(folder, name.rstrip(b"/"))
        if name.endswith(b"/"):
            yield Found(prefix + name[:-1], path, "folder")
        else:
            yield Found(prefix + name, path, kind_of(path))


def kind_of(path: bytes) -> str:
    """Tell file, folder, link, special or unreadable."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "unreadable"
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "special"


def read_head(path: bytes, limit: int) -> bytes:
    """Read at most `limit` bytes of a regular file; OSError for anything else, also if it became so a moment ago."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 a descriptor is no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no regular file")
        pieces: list[bytes] = []
        while limit > 0 and (piece := file.read(min(limit, 1 << 20))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
