"""Joined Parquet files are those that one writer makes, byte for byte."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.joined_parquet import JoinedParquet
from tasks.thrift_compact import read_struct, write_struct

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("tokens", pa.list_(pa.string())),
        pa.field("p", pa.struct([("a", pa.float32()), ("b", pa.float32())])),
        pa.field("n", pa.int64()),
        pa.field("yes", pa.bool_()),
    ],
    metadata={"made": "of parts"},
)


def batch(start: int, rows: int) -> pa.RecordBatch:
    numbers = range(start, start + rows)
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": f"row {number} é",
                "tokens": None if number % 7 == 0 else [f"w{number % 13}", "x" * (number % 50)],
                "p": {"a": number / 3, "b": None},
                "n": None if number % 5 == 0 else number * 10**12,
                "yes": bool(number % 2),
            }
            for number in numbers
        ],
        schema=SCHEMA,
    )


def written(sizes: list[list[int]], **options: Any) -> list[bytes]:
    """A file for each list, with a row group for each of its numbers of rows."""
    files, start = [], 0
    for groups in sizes:
        sink = io.BytesIO()
        with pq.ParquetWriter(sink, SCHEMA, **OPTIONS | options) as writer:
            for rows in groups:
                writer.write_batch(batch(start, rows))
                start += rows
        files.append(sink.getvalue())
    return files


def joined(path: Path, parts: list[Any], **options: Any) -> bytes:
    with JoinedParquet(path, written([[]], **options)[0]) as file:
        for part in parts:
            file.add(part)
    return path.read_bytes()


@pytest.mark.parametrize("options", [{}, {"use_dictionary": ["id"], "write_statistics": ["id"]}, {"data_page_size": 100}])
@pytest.mark.parametrize("sizes", [[], [[]], [[3]], [[3, 200], [], [1], [40, 1, 7]], [[5]] * 40])
def test_a_joined_file_is_that_of_one_writer(sizes: list[list[int]], options: dict[str, Any], tmp_path: Path) -> None:
    (whole,) = written([[rows for groups in sizes for rows in groups]], **options)
    parts = written(sizes, **options)
    assert joined(tmp_path / "of bytes", parts, **options) == whole
    for number, part in enumerate(parts):
        (tmp_path / str(number)).write_bytes(part)
    assert joined(tmp_path / "of files", [tmp_path / str(number) for number in range(len(parts))], **options) == whole


def test_every_row_is_read_from_it_with_its_checksums(tmp_path: Path) -> None:
    joined(tmp_path / "file", written([[30, 5], [200]]))
    table = pq.read_table(tmp_path / "file", page_checksum_verification=True)
    assert table.equals(pa.Table.from_batches([batch(0, 235)]))
    metadata = pq.read_metadata(tmp_path / "file")
    assert [metadata.row_group(number).num_rows for number in range(3)] == [30, 5, 200]


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (part,) = written([[3]])
    other = io.BytesIO()
    pq.write_table(pa.table({"id": np.arange(3)}), other)
    (indexed,) = written([[3]], write_page_index=True)
    for bad, said in (
        (other.getvalue(), "other columns"),
        (part[:-1], "not a whole Parquet file"),
        (indexed, "index of its pages"),
    ):
        with pytest.raises(ValueError, match=said):
            joined(tmp_path / "file", [bad])
    with pytest.raises(pa.ArrowInvalid):  # it got no footer
        pq.read_metadata(tmp_path / "file")


def test_thrift_keeps_what_it_does_not_know() -> None:
    data = bytes([0x11, 0x12, 0x13, 0xFF]) + b"\x17" + bytes(range(8)) + b"\x08\xc8\x01\x03abc" + b"\x19\x21\x01\x02" + b"\x00"
    fields, end = read_struct(data)
    assert (end, write_struct(fields)) == (len(data), data)
