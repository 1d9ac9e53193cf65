"""Archives of text files, read as a stream: tar, tar.gz, tar.bz2 and zip."""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from tasks.documents.record import Names, Record
from tasks.documents.tar import BLOCK, Member, TarError, is_tar, read_tar, tar_entries
from tasks.errors import RequestError
from tasks.in_use import unreadable
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from tasks.documents.lines import Readable

_Place = TypeVar("_Place")

MAX_MEMBERS = 5_000_000
MAX_ZIP_DIRECTORY_BYTES = 32 << 20  # zipfile holds it in memory, several times over
_BUFFER = 1 << 20

DAMAGE = (TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error)  # what reading a damaged archive raises


class Placed(NamedTuple):
    """Where a member's name puts it."""

    name: bytes
    label: str | None
    split: str | None


def archive_kind(path: Path) -> str | None:
    """Tell `tar` or `zip` from a file's first bytes; None if it is neither, or cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(4) in (b"PK\3\4", b"PK\5\6"):
                return "zip"
        with _decompressed(path) as stream:
            return "tar" if is_tar(stream.read(BLOCK)) else None
    except (OSError, EOFError, zlib.error):
        return None


def archive_records(path: Path, limit: int, place: Callable[[bytes], Placed | None], prefix: str = "") -> Iterator[Record]:
    """Yield one record for each member that `place` gives a place to, and for each link, device or unsafe name.

    Other members are no records. Offsets count from the member's first byte. Members keep the archive's order. At most
    `limit` + 1 bytes of a member are held. RequestError if the archive is damaged or has more than MAX_MEMBERS members.
    """
    seen, number = Names(), 0

    def wanted(name: bytes) -> bool:
        return place(_plain(name)) is not None

    try:
        for number, member in enumerate(_members(path, limit, wanted), 1):
            if number > MAX_MEMBERS:
                raise RequestError(f"{path}: more than {MAX_MEMBERS:,} members; split the archive")
            if member.kind == "folder":
                continue
            name = _plain(member.name)
            place_here = place(name)
            reason = _reason(member, limit)
            if place_here is None and reason in (None, "unreadable", "too_long"):
                continue
            place_here = place_here or Placed(name, None, None)
            if reason is None and not seen.add(place_here.name):
                reason = "repeated_name"
            source = prefix + file_name(member.name)
            identity = prefix + file_name(place_here.name)
            yield Record(identity, source, 0, member.data or b"", None, place_here.label, place_here.split, reason)
    except DAMAGE as error:
        raise damaged(path, error, f"{number:,} members") from error


def damaged(path: Path, error: Exception, after: str) -> RequestError:
    """Say that an archive cannot be read to its end; `after` is what could be."""
    return RequestError(unreadable(path, error, what="the archive is damaged or cut off", after=after))


def member_streams(path: Path, place: Callable[[bytes], _Place | None]) -> Iterator[tuple[_Place, Readable]]:
    """Yield place and data of each regular member that `place` gives one to, in the archive's order, however large it is.

    The data can be read until the next member is asked for. Raises DAMAGE, as reading the data does.
    """
    if archive_kind(path) == "zip":
        yield from _zip_streams(path, place)
        return
    with _decompressed(path) as stream:
        for name, kind, body in tar_entries(stream):
            if kind == "file" and (placed := place(_plain(name))) is not None:
                yield placed, body


def _reason(member: Member, limit: int) -> str | None:
    if member.name.startswith(b"/") or b".." in member.name.split(b"/") or b"\0" in member.name:
        return "unsafe_name"
    if member.kind != "file":
        return member.kind
    return "too_long" if member.data is not None and len(member.data) > limit else None


def _plain(name: bytes) -> bytes:
    while name.startswith(b"./"):
        name = name[2:].lstrip(b"/")
    return name


def _members(path: Path, limit: int, wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    if archive_kind(path) == "zip":
        yield from _zip_members(path, limit, wanted)
    else:
        with _decompressed(path) as stream:
            yield from read_tar(stream, limit + 1, wanted)


def _decompressed(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        head = file.read(3)
    if head[:2] == b"\x1f\x8b":
        return io.BufferedReader(cast(io.RawIOBase, gzip.open(path, "rb")), _BUFFER)
    if head == b"BZh":
        return io.BufferedReader(cast(io.RawIOBase, bz2.open(path, "rb")), _BUFFER)
    return path.open("rb", buffering=_BUFFER)


def _zip_members(path: Path, limit: int, wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    _check_zip_directory(path)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.encode("utf-8", "surrogateescape")
            mode = info.external_attr >> 16
            if info.is_dir():
                yield Member(name, "folder", None)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Member(name, "link" if stat.S_ISLNK(mode) else "special", None)
            elif not wanted(name):
                yield Member(name, "file", None)
            else:
                yield _zip_file(archive, info, name, limit)


def _zip_streams(path: Path, place: Callable[[bytes], _Place | None]) -> Iterator[tuple[_Place, Readable]]:
    _check_zip_directory(path)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            placed = None if info.is_dir() else place(_plain(info.filename.encode("utf-8", "surrogateescape")))
            if placed is None:
                continue
            try:
                file = archive.open(info)
            except (NotImplementedError, RuntimeError) as error:  # compressed in a way that Python does not know, encrypted
                raise zipfile.BadZipFile(str(error)) from error
            with file:
                yield placed, file


def _zip_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: bytes, limit: int) -> Member:
    try:
        with archive.open(info) as file:
            return Member(name, "file", file.read(limit + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return Member(name, "unreadable", None)  # damaged, encrypted, or compressed in a way that Python does not know


def _check_zip_directory(path: Path) -> None:
    """Refuse a central directory that is too large to hold (APPNOTE 4.3.16: its size stands 12 bytes into the end record)."""
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and int.from_bytes(tail[at + 12 : at + 16], "little") > MAX_ZIP_DIRECTORY_BYTES:
        raise RequestError(f"{path}: too many members for a zip file; pack them as .tar.gz, which is read as a stream")
