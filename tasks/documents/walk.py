"""Walk a folder in the order of its names' bytes. Links are reported, never followed; nothing but regular files is opened.

Hidden names (`.x`) and leftovers of desktops and office programs (`Thumbs.db`, `desktop.ini`, `~$a.docx`) are passed over.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

HIDDEN = b"hidden files"
_LEFTOVERS = frozenset({b"thumbs.db", b"ehthumbs.db", b"desktop.ini", b"$recycle.bin", b"__macosx", b"icon\r"})


class Found(NamedTuple):
    """Something below a folder: `kind` is file, or the reason why it is not read."""

    name: bytes  # relative to the folder, parted by /
    path: bytes
    kind: str


def walk(folder: bytes, prefix: bytes = b"", passed_over: Counter[bytes] | None = None) -> Iterator[Found]:
    """Yield everything below `folder`, sorted; memory is the names of the folders now open.

    Names that are passed over are counted in `passed_over`, hidden ones together.
    """
    waiting = [_children(folder, prefix, passed_over)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
        elif found.kind == "folder":
            waiting.append(_children(found.path, found.name + b"/", passed_over))
        else:
            yield found


def entries(folder: bytes, passed_over: Counter[bytes] | None = None) -> list[bytes]:
    """Give the sorted names in one folder, those of folders with a `/` at the end, without those that are passed over."""
    names = []
    with os.scandir(folder) as scan:
        for entry in scan:
            if (left := _leftover(entry.name)) is None:
                names.append(entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name)
            elif passed_over is not None:
                passed_over[left] += 1
    return sorted(names)


def _leftover(name: bytes) -> bytes | None:
    """Under which name a file is counted that no author wrote; None for one that may be a document."""
    if name.startswith(b"."):
        return name if name.lower() == b".ds_store" else HIDDEN
    if name.startswith(b"~$"):
        return b"~$..."
    return name if name.lower() in _LEFTOVERS else None


def _children(folder: bytes, prefix: bytes, passed_over: Counter[bytes] | None) -> Iterator[Found]:
    try:
        names = entries(folder, passed_over)
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
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 a descriptor is not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        pieces: list[bytes] = []
        while limit > 0 and (piece := file.read(min(limit, 1 << 20))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
