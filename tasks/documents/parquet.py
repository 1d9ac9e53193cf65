"""Tables in Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.columns import choose_columns
from tasks.documents.missing import Missing
from tasks.documents.record import Record
from tasks.documents.spelling import scalar
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.config import IngestConfig

_BATCH_ROWS = 256
_SHORT = 100  # bytes; a longer text is no word for a missing value


class ParquetColumns(NamedTuple):
    """Names of the text columns (more than one: to be joined) and of the label, and which values are missing."""

    texts: tuple[str, ...]
    label: str | None
    missing: Missing


def parquet_columns(path: Path, config: IngestConfig, *, labelled: bool) -> ParquetColumns:
    """Find the columns; RequestError for an unreadable file, a missing column or one that holds no text or no label."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, what="not a readable Parquet file")) from error
    columns = choose_columns(path, config, schema.names, header=True, labelled=labelled)
    for at in columns.texts:
        kind = _plain(schema.field(at).type)
        if not (_is_text(kind) or _is_bytes(kind) or pa.types.is_null(kind)):
            raise RequestError(f"{path}: column {schema.names[at]!r} holds {kind}, not text; choose one with --ingest.text")
    if columns.label is not None and pa.types.is_nested(kind := _plain(schema.field(columns.label).type)):
        raise RequestError(
            f"{path}: column {schema.names[columns.label]!r} holds {kind}, not one label; choose one with --ingest.label"
        )
    label = None if columns.label is None else schema.names[columns.label]
    return ParquetColumns(tuple(schema.names[at] for at in columns.texts), label, Missing(config.missing))


def parquet_records(path: Path, columns: ParquetColumns, split: str | None, prefix: str = "") -> Iterator[Record]:
    """Yield one record for each row; ids are `file name:row`, rows and offsets counted from 0. Text is UTF-8."""
    name, row = prefix + path.name, 0
    wanted = [*columns.texts, *([] if columns.label is None else [columns.label])]
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 16)
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            texts = texts_of(batch, columns)
            labels: list[str | None] = [""] * len(texts)
            if columns.label is not None:
                labels = _labels(batch.column(columns.label), columns.missing)
            for data, label in zip(texts, labels, strict=True):
                reason = "malformed_row" if label is None else None
                detail = "" if label is not None else f"column {columns.label!r} holds no label there"
                yield Record(f"{name}:{row}", name, row, data, None, label or None, split, reason, detail)
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, after=f"row {row:,}")) from error


def texts_of(batch: pa.RecordBatch, columns: ParquetColumns) -> list[bytes]:
    """The text of each row as bytes, empty where it is missing. Not as str: one bad text would cost its whole batch."""
    parts = [_as_bytes(batch.column(name), columns.missing) for name in columns.texts]
    if len(parts) == 1:
        return parts[0]
    return [b"\n".join(part for part in row if part.strip()) for row in zip(*parts, strict=True)]


def _as_bytes(column: pa.Array, missing: Missing) -> list[bytes]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    found = column.cast(pa.large_binary()).to_pylist()
    return [
        b"" if data is None or (len(data) < _SHORT and missing.cell(data.decode("utf-8", "replace"))) else data
        for data in found
    ]


def _labels(column: pa.Array, missing: Missing) -> list[str | None]:
    """Labels as text, nothing where they are missing, and None for what cannot be one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type) or _is_bytes(column.type):
        found = column.cast(pa.large_binary()).to_pylist()
        texts = ["" if data is None else data.decode("utf-8", "surrogateescape") for data in found]
        return ["" if missing.cell(text) else text for text in texts]
    return ["" if missing.value(value) else scalar(value) for value in column.to_pylist()]


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
