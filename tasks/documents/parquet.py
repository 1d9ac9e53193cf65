"""Tables in Parquet, alone or as files of a data set whose folders name more columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.arrow_rows import columns_of, records_of
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.documents.arrow_rows import ArrowColumns
    from tasks.documents.layout import Asked
    from tasks.documents.reading import Reading
    from tasks.documents.record import Record

_BATCH_ROWS = 256
NO_PARTITIONS: Mapping[str, str | None] = {}


def parquet_columns(path: Path, reading: Reading, partitions: Mapping[str, str | None] = NO_PARTITIONS) -> ArrowColumns:
    """Find the columns; RequestError for an unreadable file, a missing column, or one that holds no text or no label.

    `partitions` are columns with one value for the whole file; they come before columns of the same name in it.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, what="not a readable Parquet file")) from error
    fields = [field for field in schema if field.name not in partitions]
    return columns_of(path, pa.schema([*fields, *((name, pa.string()) for name in partitions)]), reading)


def parquet_records(
    path: Path, columns: ArrowColumns, asked: Asked, name: str, partitions: Mapping[str, str | None] = NO_PARTITIONS
) -> Iterator[Record]:
    """Yield one record for each row; ids are `name:row`, rows and offsets counted from 0. Text is UTF-8."""
    wanted = [column for column in columns.wanted if column not in partitions]

    def batches() -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 16)
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            for column, value in partitions.items():
                batch = batch.append_column(column, pa.array([value] * len(batch), pa.string()))
            yield batch

    return records_of(batches(), path, columns, asked, name)
