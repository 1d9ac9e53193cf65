"""One Parquet file of the row groups of several, copied as they are: nothing is unpacked, and no row is looked at.

The joined file is byte for byte the one that a single writer makes of the same row groups. Arrow can only read rows and write
them again, which for texts costs twenty times as much. A row group holds no place of its own; the footer says where each column
begins, so copying it means adding to those numbers (https://github.com/apache/parquet-format, parquet.thrift).
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from tasks.thrift_compact import LIST, STRUCT, Elements, Raw, list_head, read_struct, value_of, write_struct

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.thrift_compact import Struct

MAGIC = b"PAR1"
_TAIL_BYTES = 8  # the length of the footer, and MAGIC
_COPIED_BYTES = 1 << 20
# Numbers of fields in parquet.thrift.
_SCHEMA, _NUM_ROWS, _ROW_GROUPS = 2, 3, 4  # of FileMetaData
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7  # of RowGroup
_CHUNK_OFFSET, _META_DATA, _OFFSET_INDEX, _COLUMN_INDEX = 2, 3, 4, 6  # of ColumnChunk
_PAGE_OFFSETS = (9, 10, 11, 14)  # of ColumnMetaData: data, index and dictionary pages, Bloom filter
_MOST_ORDINAL = 2**15 - 1


class JoinedParquet:
    """A Parquet file that gets row groups of others; a context manager that writes its footer.

    `like` is a whole file of the same columns, written in the same way, with rows or without. After an error the file has no
    footer and cannot be read.
    """

    def __init__(self, path: Path, like: Path | bytes) -> None:
        with _opened(like) as file:
            self._footer = _read_footer(file)[1]
        self._groups: list[bytes] = []
        self._rows = 0
        self._file = path.open("wb")
        self._file.write(MAGIC)

    def __enter__(self) -> JoinedParquet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()

    def add(self, part: Path | bytes) -> None:
        """Append the row groups of a whole Parquet file; ValueError if it is of another schema."""
        with _opened(part) as file:
            size, footer = _read_footer(file)
            if _written(footer, _SCHEMA) != _written(self._footer, _SCHEMA):
                raise ValueError("a part has other columns than those that it is joined to")
            begin = self._file.tell()
            for group in value_of(footer, _ROW_GROUPS).values:
                self._groups.append(_moved(group, begin - len(MAGIC), len(self._groups)))
            self._rows += value_of(footer, _NUM_ROWS)
            file.seek(len(MAGIC))
            _copy(file, self._file, size - len(MAGIC))

    def _finish(self) -> None:
        for field in self._footer:
            if field[0] == _NUM_ROWS:
                field[2] = self._rows
            elif field[0] == _ROW_GROUPS:
                field[2] = Raw(list_head(len(self._groups), STRUCT) + b"".join(self._groups))
        footer = write_struct(self._footer)
        self._file.write(footer + len(footer).to_bytes(4, "little") + MAGIC)


def _moved(group: Struct, by: int, ordinal: int) -> bytes:
    """The bytes of a row group's entry in the footer once its columns lie so many bytes further on."""
    moved: Struct = []
    for number, kind, value in group:
        if number == _ORDINAL:  # 16 bits: Arrow leaves it out where it would wrap around
            if ordinal & 0xFFFF <= _MOST_ORDINAL:
                moved.append([number, kind, ordinal & 0xFFFF])
            continue
        if number == _GROUP_OFFSET:
            value += by
        elif number == _COLUMNS:
            for chunk in value.values:
                _move(chunk, by)
        moved.append([number, kind, value])
    return write_struct(moved)


def _move(chunk: Struct, by: int) -> None:
    for field in chunk:
        if field[0] in (_OFFSET_INDEX, _COLUMN_INDEX):
            raise ValueError("a file with an index of its pages cannot be joined")
        if field[0] == _CHUNK_OFFSET and field[2]:
            field[2] += by
        elif field[0] == _META_DATA:
            for place in field[2]:
                if place[0] in _PAGE_OFFSETS:
                    place[2] += by


def _opened(part: Path | bytes) -> IO[bytes]:
    return io.BytesIO(part) if isinstance(part, bytes) else part.open("rb")


def _read_footer(file: IO[bytes]) -> tuple[int, Struct]:
    """Where the footer of an open file begins, and the footer."""
    end = file.seek(-_TAIL_BYTES, io.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    if file.read(4) != MAGIC or length > end:
        raise ValueError("a part is not a whole Parquet file")
    file.seek(end - length)
    return end - length, read_struct(file.read(length))[0]


def _written(footer: Struct, number: int) -> bytes:
    return write_struct([[number, LIST, value_of(footer, number) or Elements(STRUCT, [])]])


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0:
        block = source.read(min(size, _COPIED_BYTES))
        if not block:
            raise ValueError("a part ends too early")
        target.write(block)
        size -= len(block)
