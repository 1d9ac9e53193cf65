"""The Parquet schemas of a prepared dataset, of the texts beside it and of its quarantine, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "valid", "test", "unlabelled")
TRAIN, VALID, TEST, UNLABELLED = range(4)  # positions in SPLITS
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
    ]
)
TEXTS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),  # as it was ingested
    ]
)
QUARANTINE = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("bytes", pa.binary()),
    ]
)

_GROUP_ROWS = 4096
_GROUP_TOKENS = 4 << 20
_GROUP_BYTES = 8 << 20  # of text


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a Parquet writer with zstd pages and a checksum on each.

    The limit on dictionary pages is above what a row group's distinct words need, so that no column falls back to plain text.
    Texts have neither dictionaries nor statistics: a dictionary would not be shorter, and nobody asks for the smallest text.
    """
    of_texts = {"use_dictionary": ["split"], "write_statistics": ["split"]} if schema == TEXTS_SCHEMA else {}
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_checksum=True,
        dictionary_pagesize_limit=8 << 20,
        data_page_size=1 << 20,
        **of_texts,
    )


def open_reader(path: Path, *, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    """Open a Parquet file to stream it, each page's checksum verified.

    Without the two buffer options Arrow keeps every column chunk that it has read until the file is closed.
    """
    return pq.ParquetFile(
        path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 20, read_dictionary=read_dictionary
    )


class RowGroups:
    """A Parquet file whose row groups are bounded in rows, and in tokens or bytes of text, so that readers can stream."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = open_writer(path, schema)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._tokens = self._bytes = 0

    def __enter__(self) -> RowGroups:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Write `batch`, once enough of them have come."""
        while len(batch):
            part = batch.slice(0, _GROUP_ROWS - self._rows)
            batch = batch.slice(len(part))
            self._waiting.append(part)
            self._rows += len(part)
            self._tokens += len(part.column("tokens").flatten()) if "tokens" in part.schema.names else 0
            self._bytes += part.column("text").nbytes if "text" in part.schema.names else 0
            if self._rows >= _GROUP_ROWS or self._tokens >= _GROUP_TOKENS or self._bytes >= _GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting).combine_chunks())
        self._waiting, self._rows, self._tokens, self._bytes = [], 0, 0, 0
