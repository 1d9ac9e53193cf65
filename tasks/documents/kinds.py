"""Kinds of files that are not text, told by their first bytes: for messages, and so that an image is not read as a document."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.compressed import plain_suffix

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 4096  # enough for `kind_of_bytes`


class Kind(NamedTuple):
    """A kind of file in words, and what to do with one that was given for a table."""

    words: str
    remedy: str


_UNPACK = "unpack it first"
_NAME_WORKBOOK = "give a workbook the suffix {}, with the extra textmill[excel], or save the sheet as CSV UTF-8"
_TEXT_OUT = "save its text as .txt or its rows as CSV UTF-8"
_MAGIC = (
    (b"PK\3\4", Kind("compressed (zip)", _UNPACK)),
    (b"PK\5\6", Kind("an empty zip archive", _UNPACK)),
    (b"\x1f\x8b", Kind("compressed (gzip)", _UNPACK)),
    (b"BZh", Kind("compressed (bzip2)", _UNPACK)),
    (b"\xfd7zXZ", Kind("compressed (xz)", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("compressed (zstd)", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind("compressed (7z)", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("compressed (rar)", _UNPACK)),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Kind("an old Office file (.xls, .doc)", _NAME_WORKBOOK.format(".xls") + ", or its text as .txt"),
    ),
    (b"%PDF-", Kind("a PDF", "save its text as .txt, or its tables as CSV UTF-8")),
    (b"{\\rtf", Kind("rich text (.rtf)", "save it as plain text")),
    (b"PAR1", Kind("a Parquet file", "give it the suffix .parquet")),
    (b"ARROW1", Kind("an Arrow (Feather) file", "write it as Parquet")),
    (b"ORC", Kind("an ORC file", "write it as Parquet")),
    (b"Obj\x01", Kind("an Avro file", "write it as Parquet or as JSON lines")),
    (b"\x89HDF\r\n", Kind("an HDF5 file", "write it as Parquet or CSV")),
    (b"\x93NUMPY", Kind("a NumPy array", "write it as Parquet or CSV")),
    (b"SQLite format 3\0", Kind("an SQLite database", "export the table as CSV")),
    (b"\x80\x03}", Kind("a Python pickle", "write it as Parquet or CSV; a pickle is never loaded")),
    (b"\x80\x04\x95", Kind("a Python pickle", "write it as Parquet or CSV; a pickle is never loaded")),
    (b"\x80\x05\x95", Kind("a Python pickle", "write it as Parquet or CSV; a pickle is never loaded")),
    (b"\x89PNG\r\n", Kind("an image (PNG)", _TEXT_OUT)),
    (b"\xff\xd8\xff", Kind("an image (JPEG)", _TEXT_OUT)),
    (b"GIF8", Kind("an image (GIF)", _TEXT_OUT)),
    (b"\x7fELF", Kind("a program", _TEXT_OUT)),
    (b"ID3", Kind("a sound (MP3)", _TEXT_OUT)),
    (b"OggS", Kind("a sound (Ogg)", _TEXT_OUT)),
)
_EXCEL = Kind(
    "an Excel workbook",
    _NAME_WORKBOOK.format(".xlsx"),
)
_IN_ZIP = (
    ("xl/", _EXCEL),
    ("word/", Kind("a Word document", "save its text as .txt, or its table as CSV UTF-8")),
    ("ppt/", Kind("a PowerPoint file", _TEXT_OUT)),
    (
        "content.xml",
        Kind("an OpenDocument file (.ods, .odt)", _NAME_WORKBOOK.format(".ods") + ", or the text as .txt"),
    ),
)
_PAGES = (b"<!doctype html", b"<html")
_HTML = Kind("an HTML page", "a login or error page may have been saved in place of the file; get the file itself")
_XML = Kind("an XML file", "write it as CSV, or as JSON lines, one object a line")
_FEED = Kind("an RSS or Atom feed", "textmill refresh reads feeds; for anything else write its entries as CSV")
_FEEDS = frozenset({".xml", ".rss", ".atom"})
_TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson"})  # of other files a page may be the text
_LARGEST_ZIP = 64 << 20
_CONTROL = bytes((*range(1, 9), *range(14, 27), *range(28, 32)))  # NUL is what UTF-16 is full of, ESC begins a color


def kind_of_bytes(head: bytes) -> Kind | None:
    """Name the kind of a file that begins with `head`; None if it may be text."""
    for magic, kind in _MAGIC:
        if head.startswith(magic) and (magic not in (b"ORC", b"ID3", b"BZh", b"GIF8") or _has_control(head)):
            return kind
    if head[:4] == b"RIFF" and _has_control(head):
        return Kind("a sound, film or image (RIFF)", _TEXT_OUT)
    if head[257:262] == b"ustar":
        return Kind("a tar archive", _UNPACK)
    if head[4:8] == b"ftyp":
        return Kind("a film or image (MP4)", _TEXT_OUT)
    return None


def kind_of_file(path: Path, head: bytes) -> Kind | None:
    """Name the kind of a file that was given for a table; None if it may be one. As `kind_of_bytes`, and opens zip archives."""
    kind = kind_of_bytes(head)
    if kind is not None and head.startswith(b"PK\3\4"):
        return _in_zip(path) or kind
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    if kind is None and plain_suffix(path) in _FEEDS and start.startswith((b"<?xml", b"<rss", b"<feed")):
        return _FEED if b"<rss" in head or b"<feed" in head else _XML
    if kind is None and plain_suffix(path) in _TABLES:
        return _HTML if start.startswith(_PAGES) else _XML if start.startswith(b"<?xml") else None
    return kind


def is_binary(head: bytes) -> bool:
    """Whether a document's first bytes are not text: a known kind of file, or at least eight control characters."""
    if kind_of_bytes(head) is not None:
        return True
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4] == b"\0\0\xfe\xff":
        return False
    few = head[:1024]
    return len(few) - len(few.translate(None, _CONTROL)) >= max(8, len(few) // 50)


def _has_control(head: bytes) -> bool:
    return len(head.translate(None, _CONTROL)) < len(head)


def _in_zip(path: Path) -> Kind | None:
    try:
        if path.stat().st_size > _LARGEST_ZIP:  # zipfile holds the directory at its end
            return None
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:1000]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None
    return next((kind for part, kind in _IN_ZIP if any(name.startswith(part) for name in names)), None)
