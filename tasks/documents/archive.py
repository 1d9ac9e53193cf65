"""Archives of text files, read as a stream: tar (also compressed with gzip, bzip2 or xz) and zip."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tasks.documents.compressed import DAMAGE as OF_COMPRESSION
from tasks.documents.compressed import open_plain
from tasks.documents.record import Record
from tasks.documents.tar import BLOCK, Member, TarError, is_tar, read_tar, tar_entries
from tasks.errors import RequestError
from tasks.in_use import unreadable
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.documents.lines import Readable

_Place = TypeVar("_Place")

MAX_MEMBERS = 5_000_000
MAX_ZIP_DIRECTORY_BYTES = 32 << 20  # zipfile holds it in memory, several times over
SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".zip")  # without the suffix of a compression behind .tar

_UNKNOWN = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can write
DAMAGE = (TarError, zipfile.BadZipFile, OSError, *OF_COMPRESSION)  # what reading a damaged archive raises


class Placed(NamedTuple):
    """Where a member belongs, told by its name."""

    name: bytes
    label: str | None
    split: str | None


def archive_kind(path: Path) -> str | None:
    """Tell `tar` or `zip` from a file's first bytes; None if it is neither or cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(4) in (b"PK\3\4", b"PK\5\6"):
                return "zip"
        with open_plain(path) as stream:
            return "tar" if is_tar(stream.read(BLOCK)) else None
    except (OSError, *OF_COMPRESSION):
        return None


def archive_records(
    path: Path, limit: int, place: Callable[[bytes], Placed | None], prefix: str = "", *, dated: bool = False
) -> Iterator[Record]:
    """Yield one record for each member that `place` accepts, and for each link, device or unsafe name.

    Other members are left out. Offsets count from the member's first byte. Members keep the archive's order. At most `limit`
    + 1 bytes of a member are held. A `dated` record has the time of the member's last change. RequestError if the archive is
    damaged or has more than MAX_MEMBERS members.
    """
    from tasks.documents.seen import Names  # numpy; the command line, which imports this module for its options, needs none

    seen, number = Names(), 0
    place = lru_cache(maxsize=1)(place)  # a member's name is judged before its data is read, and after

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
            time = _time(member.changed) if dated else None
            yield Record(identity, source, 0, member.data or b"", None, place_here.label, place_here.split, reason, time=time)
    except DAMAGE as error:
        raise damaged(path, error, f"{number:,} members") from error


def damaged(path: Path, error: Exception, after: str) -> RequestError:
    """Say that an archive cannot be read to its end; `after` names the part that could be read."""
    return RequestError(unreadable(path, error, what="the archive is damaged or cut off", after=after))


def member_streams(path: Path, place: Callable[[bytes], _Place | None]) -> Iterator[tuple[_Place, Readable]]:
    """Yield place and data of each regular member that `place` accepts, in the archive's order, however large it is.

    The data can be read until the next member is asked for. Raises DAMAGE, as reading the data does.
    """
    if archive_kind(path) == "zip":
        yield from _zip_streams(path, place)
        return
    with open_plain(path) as stream:
        for name, kind, body in tar_entries(stream):
            if kind == "file" and (placed := place(_plain(name))) is not None:
                yield placed, body


def _reason(member: Member, limit: int) -> str | None:
    if member.name.startswith(b"/") or b".." in member.name.split(b"/") or b"\0" in member.name:
        return "unsafe_name"
    if member.kind != "file":
        return member.kind
    return "too_long" if member.data is not None and len(member.data) > limit else None


def _time(changed: int | str | None) -> str | None:
    """When a member was last changed, in ISO 8601: a tar counts seconds, a zip has a local time without its zone."""
    if not isinstance(changed, int):
        return changed
    try:
        return datetime.fromtimestamp(changed, UTC).isoformat() if changed else None  # 0 is written where it is not known
    except (ValueError, OverflowError, OSError):
        return None


def _plain(name: bytes) -> bytes:
    while name.startswith(b"./"):
        name = name[2:].lstrip(b"/")
    return name


def _members(path: Path, limit: int, wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    if archive_kind(path) == "zip":
        yield from _zip_members(path, limit, wanted)
    else:
        with open_plain(path) as stream:
            yield from read_tar(stream, limit + 1, wanted)


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
                year, month, day, hour, minute, second = info.date_time
                changed = (
                    f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}" if info.date_time > _UNKNOWN else None
                )
                yield _zip_file(archive, info, name, limit)._replace(changed=changed)


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
    """Refuse a central directory that is too large to hold (APPNOTE 4.3.16: its size is 12 bytes into the end record)."""
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and int.from_bytes(tail[at + 12 : at + 16], "little") > MAX_ZIP_DIRECTORY_BYTES:
        raise RequestError(f"{path}: too many members for a zip file; pack them as .tar.gz, which is read as a stream")
