"""What a file says, whatever its format: pieces of text for those that are decoded, and raw bytes for any other.

Parquet, Arrow, SQLite, NumPy and safetensors files, zip and tar archives, and gzip, bzip2, xz and zstd are opened, one in
another too. A piece is at most a few MiB, but for one value that is longer; a text that two pieces would part is whole in one.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import lzma
import sqlite3
import tarfile
import tokenize
import zipfile
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import igzip

from tasks.documents.compressed import DAMAGE
from tasks.forget.forms import SEPARATOR
from tasks.in_use import is_held
from tasks.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

BLOCK = 4 << 20
WAIT_SECONDS = 30.0  # for a program that writes to a database
BATCH_ROWS = 4096
LARGEST_JSON = 64 << 20  # that is parsed, for words that lie in a list of objects
MOST_LAYERS = 4  # of archives within archives
_ZSTD, _TAR_AT = b"\x28\xb5\x2f\xfd", 257
# RuntimeError: a member is encrypted, JSON is nested too deep; TokenError: NumPy's header is cut short.
_ODD = (RuntimeError, SyntaxError, tokenize.TokenError)
_DAMAGE = (*DAMAGE, *_ODD, OSError, ValueError, zipfile.BadZipFile, tarfile.TarError, pa.ArrowException)

Piece = str | bytes


def contents(path: Path, overlap: int, faults: list[str]) -> Iterator[Piece]:
    """The pieces of a file, which share `overlap` bytes where it is cut.

    A damaged file, or one in it, gives what can be read of it, and `faults` says so. Raises OSError if the file itself cannot
    be read.
    """
    with path.open("rb") as file:
        if file.read(16) == b"SQLite format 3\0":
            try:
                yield from of_database(path)
            except sqlite3.Error as error:
                faults.append("in use by another program" if is_held(error) else f"damaged: {one_line(error)}")
        file.seek(0)
        yield from _Reader(overlap, faults).of_stream(file, path.name)


def of_database(path: Path) -> Iterator[Piece]:
    """Every text and blob of a SQLite database; sqlite3.Error if it is damaged or held."""
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as db:
        db.text_factory = bytes
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = db.execute('SELECT * FROM "{}"'.format(name.decode().replace('"', '""')))  # noqa: S608
            while some := rows.fetchmany(BATCH_ROWS):
                yield from pieces_of_values(value for row in some for value in row)


def pieces_of_values(values: Iterable[Any]) -> Iterator[Piece]:
    """Values of a database (bytes or str; others hold no text), put side by side."""
    held: list[str] = []
    size = 0
    for value in values:
        if not isinstance(value, str | bytes) or len(value) < 4:
            continue
        if isinstance(value, bytes):
            try:
                value = value.decode()
            except UnicodeDecodeError:
                yield value
                continue
        held.append(value)
        size += len(value)
        if size >= BLOCK:
            yield SEPARATOR.join(held)
            held, size = [], 0
    yield SEPARATOR.join(held)


def of_array(array: pa.Array | pa.ChunkedArray) -> Iterator[Piece]:
    """The texts of a column, a row apart from the next; the texts of a list are joined by blanks."""
    if isinstance(array, pa.ChunkedArray):
        for chunk in array.chunks:
            yield from of_array(chunk)
        return
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from of_array(array.dictionary)
    elif pa.types.is_run_end_encoded(kind):
        yield from of_array(array.values)
    elif pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        yield from of_array(array.cast(pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary()))
    elif isinstance(array, pa.ExtensionArray):
        yield from of_array(array.storage)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield _side_by_side(array)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        yield from pieces_of_values(array.drop_null().to_pylist())
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            yield from of_array(field)
    elif pa.types.is_map(kind):
        yield from of_array(array.keys)
        yield from of_array(array.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _of_lists(array)
    elif pa.types.is_nested(kind):  # lists of a fixed size, views of lists
        yield from of_array(array.flatten())


def _of_lists(array: pa.Array) -> Iterator[Piece]:
    inner = array.type.value_type
    if pa.types.is_dictionary(inner):
        array = array.cast(pa.list_(inner.value_type))
        inner = inner.value_type
    if pa.types.is_string(inner) or pa.types.is_large_string(inner):
        yield _side_by_side(pc.binary_join(array, " "))
    elif pa.types.is_struct(inner):
        flat, offsets = array.flatten(), array.offsets
        start = offsets[0].as_py() if len(offsets) else 0
        for place in range(inner.num_fields):
            column = flat.field(place)
            if pa.types.is_string(inner.field(place).type):
                lists = pa.ListArray.from_arrays(pc.subtract(offsets, start).cast(pa.int32()), column)
                yield _side_by_side(pc.binary_join(lists, " "))
            else:
                yield from of_array(column)
    else:
        yield from of_array(array.flatten())


def _side_by_side(strings: pa.Array) -> str:
    return SEPARATOR.join(strings.drop_null().to_pylist())


class _Reader:
    """Reads open files that can be sought in, one in another too."""

    def __init__(self, overlap: int, faults: list[str]) -> None:
        self.overlap = overlap
        self.faults = faults

    def of_stream(self, file: IO[bytes], name: str, layer: int = 0) -> Iterator[Piece]:
        """The pieces of a file; `layer` counts the archives that it is in."""
        head = file.read(512)
        file.seek(0)
        whole = False
        try:
            whole = yield from self._decoded(file, head, name, layer)
        except _DAMAGE as error:
            if not name.endswith(".json"):  # its bytes are text all the same
                self.faults.append("encrypted" if "is encrypted" in str(error) else f"damaged: {one_line(error)}")
        if not whole:
            file.seek(0)
            yield from _raw(file, self.overlap)

    def _decoded(self, file: IO[bytes], head: bytes, name: str, layer: int) -> Generator[Piece, None, bool]:
        """What only a reader of the format finds; whether that is all there is, so that the bytes need not be looked at too."""
        if head.startswith(b"PAR1"):
            yield from _of_parquet(file)
        elif head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            yield from _of_arrow(file, stream=not head.startswith(b"ARROW1"))
        elif head.startswith(b"\x93NUMPY"):
            array = np.load(file, allow_pickle=False)
            if array.dtype.kind in "US":
                yield from pieces_of_values(array.ravel().tolist())
        elif name.endswith(".safetensors"):
            size = min(8 + int.from_bytes(head[:8], "little"), _size(file))  # a file that only has the name may say anything
            yield file.read(size)[8:].decode("utf-8", "ignore")
            return False
        elif name.endswith(".json") and _size(file) <= LARGEST_JSON:
            yield from _words_in_objects(json.load(file))
            return False
        else:
            return layer < MOST_LAYERS and (yield from self._unpacked(file, head, name, layer))
        return True

    def _unpacked(self, file: IO[bytes], head: bytes, name: str, layer: int) -> Generator[Piece, None, bool]:
        if head.startswith(b"PK\3\4"):
            with zipfile.ZipFile(file) as archive:
                for member in archive.infolist():
                    with archive.open(member) as inner:
                        yield from self.of_stream(_seekable(inner), member.filename, layer + 1)
        elif head[_TAR_AT : _TAR_AT + 5] == b"ustar":
            with tarfile.open(fileobj=file) as archive_of_tar:
                for each in archive_of_tar:
                    if each.isfile() and (found := archive_of_tar.extractfile(each)):
                        yield from self.of_stream(found, each.name, layer + 1)
        elif opened := _decompressed(file, head):
            with opened as inner:
                yield from self.of_stream(_seekable(inner), name.rpartition(".")[0], layer + 1)
        else:
            return False
        return True


def _of_parquet(file: IO[bytes]) -> Iterator[Piece]:
    with pq.ParquetFile(file) as table:
        yield from pieces_of_values(each for pair in (table.schema_arrow.metadata or {}).items() for each in pair)
        for batch in table.iter_batches(BATCH_ROWS, use_threads=False):
            for column in batch.columns:
                yield from of_array(column)


def _of_arrow(file: IO[bytes], *, stream: bool) -> Iterator[Piece]:
    with pa.ipc.open_stream(file) if stream else pa.ipc.open_file(file) as batches:
        for batch in batches if stream else map(batches.get_batch, range(batches.num_record_batches)):
            for column in batch.columns:
                yield from of_array(column)


def _decompressed(file: IO[bytes], head: bytes) -> IO[bytes] | None:
    if head.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", igzip.IGzipFile(fileobj=file, mode="rb"))
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file)
    if head.startswith(_ZSTD):  # Arrow would close the file itself
        return cast("IO[bytes]", pa.CompressedInputStream(pa.BufferReader(file.read()), "zstd"))
    return None


def _seekable(file: IO[bytes]) -> IO[bytes]:
    """The file itself, or what it gives in memory."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if file.seekable():
            return file
    return io.BytesIO(file.read())


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _raw(file: IO[bytes], overlap: int) -> Iterator[Piece]:
    """The bytes as they are, in blocks that overlap; as text where they are UTF-8."""
    kept = b""
    while block := file.read(BLOCK):
        data = kept + block
        try:
            yield data.decode()
        except UnicodeDecodeError:
            yield data
        kept = data[-overlap:]


def _words_in_objects(value: Any) -> Iterator[Piece]:
    """Of lists of objects, such as the words of an explanation, the texts of each field, joined."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _words_in_objects(each)
    elif isinstance(value, list):
        objects = [each for each in value if isinstance(each, dict)]
        for field in {name: None for each in objects for name in each}:
            words = [each[field] for each in objects if isinstance(each.get(field), str)]
            if len(words) > 1:
                yield " ".join(words)
        for each in value:
            yield from _words_in_objects(each)
