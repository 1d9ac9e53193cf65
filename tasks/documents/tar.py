"""Read a tar archive as a stream: one pass, nothing extracted, bounded memory.

Not tarfile: it keeps every member, reads extended headers of any size into memory, takes a damaged header for the end of the
archive, and some versions still in use loop for ever on a crafted one. A corpus needs little of the format: POSIX
ustar (IEEE 1003.1), the pax records `path` and `size`, and GNU's long names. tarfile is the reference in the tests.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

BLOCK = 512
MAX_HEADER_BYTES = 1 << 20  # of an extended header; real ones are a few hundred
MAX_TRAILER_BYTES = 64 << 20  # read after the end mark, so that the compressed file's checksum is verified
_SKIP = 1 << 20


class TarError(Exception):
    """The archive cannot be read to its end; the message says why."""


class Member(NamedTuple):
    """One member: `kind` is file, folder, link or special; `data` is None if the member was not wanted.

    `changed` is when it was last changed: seconds since 1970 in a tar, a local time in a zip.
    """

    name: bytes
    kind: str
    data: bytes | None
    changed: int | str | None = None


class _Header(NamedTuple):
    name: bytes
    type: bytes
    size: int
    sparse_continues: bool
    changed: bytes  # as the header writes it


_KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"5": "folder", b"1": "link", b"2": "link"}
_NO_DATA = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))  # whatever their size says


class Body:
    """The data of the member that a stream has reached, to be read forward, in pieces if it is large."""

    def __init__(self, stream: BinaryIO, size: int, written: bytes = b"") -> None:
        self._stream, self._left, self._padding = stream, size, -size % BLOCK
        self._written = written

    @property
    def changed(self) -> int | None:
        """When the member was last changed, in seconds since 1970; None if its header does not say."""
        try:
            return _number(self._written) if self._written else None
        except TarError:
            return None

    def read(self, size: int, /) -> bytes:
        """Give the next `size` bytes, fewer at the end only; TarError if the archive ends before."""
        data = _exactly(self._stream, min(size, self._left))
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Skip the rest and the padding; a second call does nothing."""
        left, self._left, self._padding = self._left + self._padding, 0, 0
        while left > 0:
            left -= len(_exactly(self._stream, min(left, _SKIP)))


def read_tar(stream: BinaryIO, limit: int, wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    """Yield the members in their order, with at most `limit` bytes of those whose name is wanted.

    `stream` is the tar itself, already decompressed, and is only ever read forward.
    """
    for name, kind, body in tar_entries(stream):
        data, changed = None, None
        if kind == "file" and wanted(name):
            data, changed = body.read(limit), body.changed
        body.skip()
        yield Member(name, kind, data, changed)


def tar_entries(stream: BinaryIO) -> Iterator[tuple[bytes, str, Body]]:
    """Yield name, kind and data of each member, in order; the data can be read until the next member is asked for."""
    name, size, sparse = None, None, False
    while (header := _next_header(stream)) is not None:
        if header.type in b"xXLKg":
            if header.size > MAX_HEADER_BYTES:
                raise TarError(f"an extended header has {header.size} bytes")
            body = Body(stream, header.size)
            data = body.read(header.size)
            body.skip()
            if header.type == b"L":
                name = data.split(b"\0", 1)[0]
            elif header.type in b"xX":
                records = _pax_records(data)
                name = records.get(b"path", name)
                size = _decimal(records[b"size"]) if b"size" in records else size
                sparse = any(key.startswith(b"GNU.sparse.") for key in records)
            continue
        member_name = header.name if name is None else name
        member_size = header.size if size is None else size
        kind = "special" if sparse else _KINDS.get(header.type, "special")
        if kind == "file" and member_name.endswith(b"/"):
            kind = "folder"  # as archives from before 1988 mark them
        while header.sparse_continues:
            header = header._replace(sparse_continues=_exactly(stream, BLOCK)[504:505] == b"\1")
        body = Body(stream, 0 if header.type in _NO_DATA else member_size, header.changed)
        yield member_name, kind, body
        body.skip()
        name, size, sparse = None, None, False
    _drain(stream)


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with `head` can be a tar archive: its first block is a header that sums up."""
    try:
        return len(head) >= BLOCK and _parse(head[:BLOCK]) is not None
    except TarError:
        return False


def _next_header(stream: BinaryIO) -> _Header | None:
    block = _exactly(stream, BLOCK)
    return None if block.count(0) == BLOCK else _parse(block)


def _parse(block: bytes) -> _Header:
    if _number(block[148:156]) != 256 + _sum(block[:148] + block[156:]):
        raise TarError("a header's checksum is wrong")
    name = block[:100].split(b"\0", 1)[0]
    kind = block[156:157]
    if block[257:263] == b"ustar\0":  # GNU's own format has other things where the prefix is
        prefix = block[345:500].split(b"\0", 1)[0]
        name = prefix + b"/" + name if prefix else name
    return _Header(name, kind, _number(block[124:136]), kind == b"S" and block[482:483] == b"\1", block[136:148])


def _sum(data: bytes) -> int:
    """Add bytes: the lower half of Adler-32 (RFC 1950) is 1 + their sum modulo 65521, more than a header in ASCII has."""
    return (zlib.adler32(data) & 0xFFFF) - 1 if data.isascii() else sum(data)


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU: base 256 where octal digits do not suffice
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise TarError("a header holds no octal number where one belongs")
    return int(digits, 8) if digits else 0


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:
        raise TarError("an extended header gives no number as size")
    return int(value)


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """Parse `length key=value\\n` records, the length counting all of a record."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + 10)
        length = int(data[at:space]) if space > at and data[at:space].isdigit() else 0
        record = data[space + 1 : at + length - 1]
        key, equals, value = record.partition(b"=")
        if at + length > len(data) or not equals or data[at + length - 1 : at + length] != b"\n":
            raise TarError("an extended header is malformed")
        records[key] = value
        at += length
    return records


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) == size:
        return data
    pieces = [data]
    missing = size - len(data)
    while missing:
        if not data:
            raise TarError("it ends in the middle")
        data = stream.read(missing)
        pieces.append(data)
        missing -= len(data)
    return b"".join(pieces)


def _drain(stream: BinaryIO) -> None:
    left = MAX_TRAILER_BYTES
    while left > 0 and (piece := stream.read(_SKIP)):
        left -= len(piece)
