"""Files that are compressed on their own (`news.csv.gz`): reading them gives what is inside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from isal import igzip, isal_zlib

if TYPE_CHECKING:
    from typing import BinaryIO

SUFFIXES = (".gz", ".bz2", ".xz")
_OF_ISAL = cast("type[Exception]", isal_zlib.error)  # its stub says that it is an object
DAMAGE = (EOFError, zlib.error, _OF_ISAL, lzma.LZMAError, gzip.BadGzipFile)  # of a damaged one, beside OSError
_BUFFER = 1 << 20


def plain_suffix(name: Path | str) -> str:
    """Give the suffix of the file inside, in small letters: `.csv` of `news.CSV.gz`."""
    path = Path(name)
    return Path(path.stem).suffix.lower() if path.suffix.lower() in SUFFIXES else path.suffix.lower()


def open_plain(path: Path) -> BinaryIO:
    """Open a file for its bytes, decompressed if it begins as gzip, bzip2 or xz do."""
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return io.BufferedReader(cast(io.RawIOBase, igzip.open(path, "rb")), _BUFFER)
    if head.startswith(b"BZh"):
        return io.BufferedReader(cast(io.RawIOBase, bz2.open(path, "rb")), _BUFFER)
    if head == b"\xfd7zXZ\0":
        return io.BufferedReader(cast(io.RawIOBase, lzma.open(path, "rb")), _BUFFER)
    return path.open("rb", buffering=_BUFFER)
