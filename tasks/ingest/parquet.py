"""Tables in Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.in_use import unreadable
from tasks.ingest.columns import choose_columns
from tasks.ingest.record import Record
from tasks.ingest.table import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.config import IngestConfig

_BATCH_ROWS = 256


def parquet_columns(path: Path, config: IngestConfig, *, labelled: bool) -> tuple[str, str | None]:
    """Names of the text and the label column; RequestError for an unreadable file, a missing column or one that is no text."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, what="not a readable Parquet file")) from error
    columns = choose_columns(path, config, schema.names, header=True, labelled=labelled)
    kind = schema.field(columns.text).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (_is_text(kind) or _is_bytes(kind)):
        raise RequestError(
            f"{path}: column {schema.names[columns.text]!r} holds {kind}, not text; choose one with --ingest.text"
        )
    return schema.names[columns.text], None if columns.label is None else schema.names[columns.label]


def parquet_records(path: Path, columns: tuple[str, str | None], split: str | None, prefix: str = "") -> Iterator[Record]:
    """Yield one record for each row; ids are `file name:row`, rows and offsets counted from 0. Text is UTF-8."""
    name, row = prefix + path.name, 0
    wanted = [column for column in columns if column is not None]
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 16)
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            texts = _as_bytes(batch.column(columns[0]))
            labels: list[str | None] = [None] * len(texts)
            if columns[1] is not None:
                labels = _labels(batch.column(columns[1]))
            for data, label in zip(texts, labels, strict=True):
                malformed = data is None or (columns[1] is not None and label is None)
                reason = "malformed_row" if malformed else None
                yield Record(f"{name}:{row}", name, row, data or b"", None, label or None, split, reason)
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, after=f"row {row:,}")) from error


def _as_bytes(column: pa.Array) -> list[bytes | None]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.large_binary()).to_pylist()  # not as str: one bad text would cost its whole batch


def _labels(column: pa.Array) -> list[str | None]:
    """Labels as text, null as nothing, and None for what cannot be one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        return [None if data is None else data.decode("utf-8", "surrogateescape") for data in _with_nulls_empty(column)]
    return [scalar(value) for value in column.to_pylist()]


def _with_nulls_empty(column: pa.Array) -> list[bytes]:
    return [data or b"" for data in column.cast(pa.large_binary()).to_pylist()]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
