"""Rows of Arrow tables, of whatever file they are: which columns hold text and label, and a record for each row."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.documents.columns import choose_columns
from tasks.documents.missing import Missing
from tasks.documents.record import MAX_FIELDS, Record
from tasks.documents.spelling import scalar
from tasks.documents.times import written
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tasks.documents.layout import Asked
    from tasks.documents.reading import Reading

_SHORT = 100  # bytes; a longer text is not a word for a missing value


class ArrowColumns(NamedTuple):
    """Names of the text columns (more than one: joined), of the label or time, and of those that are kept beside them."""

    texts: tuple[str, ...]
    second: str | None
    missing: Missing
    rest: tuple[str, ...] = ()
    label_in_text: bool = False

    @property
    def wanted(self) -> list[str]:
        """The columns to read, each once."""
        return list(dict.fromkeys([*self.texts, *([] if self.second is None else [self.second]), *self.rest]))


def columns_of(path: Path, schema: pa.Schema, reading: Reading, *, header: bool = True) -> ArrowColumns:
    """Find the columns; RequestError for a missing column, or one that holds no text or no label."""
    columns = choose_columns(path, reading, schema.names, header=header)
    for at in columns.texts:
        kind = _plain(schema.field(at).type)
        if not (_is_text(kind) or _is_bytes(kind) or pa.types.is_null(kind)):
            told = f"column {schema.names[at]!r} holds {kind}, not text; choose one with {reading.flags.text}"
            raise RequestError(f"{path}: {told}")
    second = None if columns.second is None else schema.names[columns.second]
    if columns.second is not None and reading.second == "label":
        kind = _plain(schema.field(columns.second).type)
        if pa.types.is_nested(kind):
            told = f"column {second!r} holds {kind}, not one label; choose one with {reading.flags.label}"
            raise RequestError(f"{path}: {told}")
    texts = tuple(schema.names[at] for at in columns.texts)
    others = [field for field in schema if field.name not in texts and field.name != second and _is_short(field.type)]
    rest = tuple(field.name for field in others[:MAX_FIELDS]) if reading.keep == "seen" else ()
    if reading.named:
        rest = tuple(_short_field(path, schema.field(at), reading) for at in columns.rest)
    return ArrowColumns(texts, second, Missing(reading.missing), rest, columns.label_in_text)


def records_of(
    batches: Iterable[pa.RecordBatch],
    path: Path,
    columns: ArrowColumns,
    asked: Asked,
    name: str,
    numbers: Iterator[int] | None = None,
) -> Iterator[Record]:
    """Yield one record for each row of the batches of a file; ids are `name:number`, from 0 unless given. Text is UTF-8.

    RequestError for a file that cannot be read to its end.
    """
    dated, split = asked.reading.second == "time", asked.split
    numbers, row = numbers or itertools.count(), 0
    try:
        for batch in batches:
            texts = texts_of(batch, columns)
            seconds: Iterable[str | None] = itertools.repeat("")
            if columns.second is not None:
                column = batch.column(columns.second)
                seconds = times_of(column, columns.missing) if dated else _labels(column, columns.missing)
            rests = _rests(batch, columns.rest)
            for data, second, rest in zip(texts, seconds, rests, strict=False):
                row = next(numbers)
                if dated:
                    yield Record(f"{name}:{row}", name, row, data, None, None, split, time=second, rest=rest)
                elif second is None:
                    detail = f"column {columns.second!r} holds no label there"
                    yield Record(f"{name}:{row}", name, row, data, None, None, split, "malformed_row", detail, rest=rest)
                else:
                    yield Record(f"{name}:{row}", name, row, data, None, second or None, split, rest=rest)
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, after=f"row {row:,}")) from error


def texts_of(batch: pa.RecordBatch, columns: ArrowColumns) -> list[bytes]:
    """Give the text of each row as bytes, empty where it is missing. Not as str: one bad text would cost its whole batch."""
    parts = [_as_bytes(batch.column(name), columns.missing) for name in columns.texts]
    if len(parts) == 1:
        return parts[0]
    return [b"\n".join(part for part in row if part.strip()) for row in zip(*parts, strict=True)]


def times_of(column: pa.Array, missing: Missing) -> list[str | None]:
    """Give the times of a column as text: timestamps, dates, numbers and text."""
    column = _decoded(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type) or pa.types.is_time(column.type):
        return column.cast(pa.string()).to_pylist()
    return [None if missing.value(value) else written(value) for value in column.to_pylist()]


def _rests(batch: pa.RecordBatch, names: tuple[str, ...]) -> Iterable[tuple[tuple[str, Any], ...]]:
    """The other values of each row, with their names."""
    if not names:
        return itertools.repeat(())
    values = [_in_words(batch.column(name)) for name in names]
    return (tuple(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _short_field(path: Path, field: pa.Field, reading: Reading) -> str:
    if not _is_short(field.type):
        told = f"column {field.name!r} holds {field.type}, not text, numbers or times"
        raise RequestError(f"{path}: {told}; leave it out of {reading.flags.keep}")
    return field.name


def _is_short(kind: pa.DataType) -> bool:
    """Whether values of a type are kept with a document: text, numbers and times."""
    kind = _plain(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)
    return text or number or pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _in_words(column: pa.Array) -> list[str | None]:
    """Values as text; a value that is not UTF-8 must not cost its batch."""
    found = _decoded(column).cast(pa.string()).cast(pa.large_binary()).to_pylist()
    return [None if data is None else data.decode("utf-8", "replace") for data in found]


def _as_bytes(column: pa.Array, missing: Missing) -> list[bytes]:
    found = _decoded(column).cast(pa.large_binary()).to_pylist()
    return [
        b"" if data is None or (len(data) < _SHORT and missing.cell(data.decode("utf-8", "replace"))) else data
        for data in found
    ]


def _labels(column: pa.Array, missing: Missing) -> list[str | None]:
    """Labels as text, empty where they are missing, and None for a value that cannot be a label."""
    column = _decoded(column)
    if _is_text(column.type) or _is_bytes(column.type):
        found = column.cast(pa.large_binary()).to_pylist()
        texts = ["" if data is None else data.decode("utf-8", "surrogateescape") for data in found]
        return ["" if missing.cell(text) else text for text in texts]
    return ["" if missing.value(value) else scalar(value) for value in column.to_pylist()]


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
