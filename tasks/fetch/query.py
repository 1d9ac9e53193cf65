"""The rows of a query as a Parquet file whose bytes follow from the rows alone, in whatever order they came.

Shapes: N rows.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.database import Address, rows_of, since_text
from tasks.documents.in_order import rows_in_order
from tasks.documents.times import written
from tasks.errors import RequestError
from tasks.fetch.before import Before
from tasks.progress import SILENT
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks.fetch.settings import FetchConfig
    from tasks.progress import Progress

BATCH_ROWS = 4096
WRITTEN_ROWS = 16_384
NAMES_SHOWN = 20


class Came(NamedTuple):
    """How many rows a file has, how many of them came now, and what `:since` was: None for a query without it."""

    rows: int
    new: int
    since: str | None = None


def fetch_query(
    config: FetchConfig,
    columns: Sequence[str],
    target: Path,
    *,
    before: Path | None = None,
    now: float | None = None,
    progress: Progress = SILENT,
) -> Came:
    """Write the rows of `fetch.query` to the Parquet file `target`.

    Every value becomes text: times as ISO 8601, numbers as they are written, null stays null. Rows are ordered by the SHA-256
    of their values, so equal rows make equal bytes; ones that came twice are both there. `columns` have to be among the query's
    and come in this order; the others are left out. Memory is a batch and sixteen bytes a row: rows wait in a file beside
    `target`.

    Where `fetch.since` names a column, the query is asked for rows since the newest one of the file `before` (see before.py),
    if that is there, and the rows of both are written; `now` is seconds since 1970.

    RequestError for an address or a column that is wrong, or no row; UnavailableError for what the database refuses.
    """
    assert config.query is not None
    url = Address(config.database_variable, config.database_file, "fetch").url()
    kept = None if config.since is None else Before(before, columns, config.since, time.time() if now is None else now)
    since = None if kept is None else since_text(kept.since)
    waiting = target.with_name("waiting.arrow")
    schema = pa.schema([(name, pa.string()) for name in columns])
    try:
        with pa.OSFile(str(waiting), "wb") as file, pa.ipc.new_file(file, schema) as stream:
            found = [np.zeros(0, np.uint64)]
            with rows_of(url, config.query, {} if since is None else {"since": since}) as (names, rows):
                at = [_position(names, column) for column in columns]
                for batch in _batches(rows, at):
                    if kept is not None and len(found) == 1:
                        _refuse_without_times(kept, columns, config.since, batch)
                    found.append(_written(stream, schema, batch))
                    progress.advance(sum(map(len, found)), None, "rows")
            new_N = np.concatenate(found)
            former = [] if kept is None else list(_written_again(stream, schema, kept, new_N))
        digests_N = np.concatenate([new_N, *former])
        if not len(digests_N):
            raise RequestError("fetch.query gives no row; correct it, or look at the table")
        _write_in_order(waiting, target, digests_N, schema)
    finally:
        waiting.unlink(missing_ok=True)
    return Came(len(digests_N), len(new_N), since)


def _written(stream: pa.RecordBatchFileWriter, schema: pa.Schema, columns: Sequence[Sequence[str | None]]) -> np.ndarray:
    """The digests of rows, once they are written."""
    stream.write_batch(pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=schema))
    return _digests(columns)


def _written_again(
    stream: pa.RecordBatchFileWriter, schema: pa.Schema, kept: Before, new_N: np.ndarray
) -> Iterator[np.ndarray]:
    """The digests of the rows of before that stay, once they are written: those of earlier days that did not come again."""
    for columns, is_earlier_N in kept.staying():
        stays_N = is_earlier_N & ~np.isin(_digests(columns), new_N)
        rows = np.flatnonzero(stays_N).tolist()
        if rows:
            yield _written(stream, schema, [[column[row] for row in rows] for column in columns])


def _refuse_without_times(
    kept: Before, columns: Sequence[str], since: str | None, batch: Sequence[Sequence[str | None]]
) -> None:
    values = batch[list(columns).index(str(since))]
    if not kept.has_times(values):
        example = next(value for value in values if value is not None)
        raise RequestError(
            f"the column {since!r} of fetch.query holds no times (one value is {shortened(in_line(example), 40)!r}), so :since "
            "cannot go by it; name another one with --fetch.since"
        )


def _batches(rows: Iterator[Sequence[Any]], at: Sequence[int]) -> Iterator[list[list[str | None]]]:
    """The columns asked for, as text, a batch of rows at a time."""
    waiting: list[Sequence[Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BATCH_ROWS:
            yield _columns(waiting, at)
            waiting = []
    if waiting:
        yield _columns(waiting, at)


def _columns(rows: Sequence[Sequence[Any]], at: Sequence[int]) -> list[list[str | None]]:
    chosen = list(zip(*rows, strict=True))
    return [[_text(value) for value in chosen[number]] for number in at]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if value is None or isinstance(value, datetime | date):
        return None if value is None else written(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def _digests(columns: Sequence[Sequence[str | None]]) -> np.ndarray:
    """The first eight bytes of the SHA-256 of each row's values: uint64 [N]."""
    found = (hashlib.sha256(json.dumps(row).encode()).digest()[:8] for row in zip(*columns, strict=True))
    return np.frombuffer(b"".join(found), ">u8").astype(np.uint64)


def _write_in_order(waiting: Path, target: Path, digests_N: np.ndarray, schema: pa.Schema) -> None:
    """Write the rows in the order of their digests, a group of them at a time."""
    order_N = np.argsort(digests_N, kind="stable")
    with pq.ParquetWriter(target, schema, compression="zstd", write_page_checksum=True) as file:
        for table in rows_in_order(waiting, order_N, WRITTEN_ROWS):
            file.write_table(table)


def _position(names: Sequence[str], column: str) -> int:
    if column in names:
        return list(names).index(column)
    shown = ", ".join(map(repr, names[:NAMES_SHOWN]))
    raise RequestError(
        f"fetch.query gives no column {column!r}; it gives {shown}. Name one with --ingest.text, .label or .keep"
    )
