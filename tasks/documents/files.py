"""Documents that are files of a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.documents.encoding import extends_ascii
from tasks.documents.kinds import is_binary, kind_of_bytes
from tasks.documents.reasons import QUARANTINE_BYTES
from tasks.documents.record import Record
from tasks.documents.walk import Found, kind_of, read_head
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def file_record(found: Found, limit: int, *, label: str | None, split: str | None, prefix: str = "") -> Record:
    """Read one file below a folder; anything but a regular file of at most `limit` bytes becomes a record with a reason."""
    name = prefix + file_name(found.name)
    reason, data = None if found.kind == "file" else found.kind, b""
    try:
        if found.kind == "link":
            data = os.readlink(found.path)
        elif found.kind == "file":
            data = read_head(found.path, limit + 1)
    except OSError:
        kind = kind_of(found.path)  # it may have become something else since the folder was listed
        reason = kind if kind in ("link", "special") else "unreadable"
    if reason is None and len(data) > limit:
        reason, data = "too_long", data[:QUARANTINE_BYTES]
    return Record(name, name, 0, data, None, label, split, reason)


def without_binaries(records: Iterable[Record], encoding: str) -> Iterator[Record]:
    """Give a reason to files that are not text. In an encoding that does not extend ASCII any bytes may be text."""
    judged = extends_ascii(encoding)
    for record in records:
        if judged and record.reason is None and is_binary(record.data):
            kind = kind_of_bytes(record.data)
            yield record._replace(reason="binary", detail=f"it is {kind.words}" if kind else "it is not text")
        else:
            yield record


def as_bytes(folder: Path) -> bytes:
    """Give a path as bytes, in which every file name can be written."""
    return os.fsencode(folder)
