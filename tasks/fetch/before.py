"""Rows that a query gave before, which stay where it is asked for new ones alone (`:since`).

Of the rows of the last day before the newest one, and of later ones, those stay that came again; so what was corrected or
deleted there is as the database has it now. Earlier rows stay as they came: their times are before whatever the query was asked
for.

Shapes: N rows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.database import since_newest
from tasks.documents.times import DAY_SECONDS, TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

log = logging.getLogger(__name__)

BATCH_ROWS = 4096
_UNKNOWN = np.iinfo(np.int64).min


class Before:
    """The rows of a Parquet file of text columns, and the time of each by the column `since`. No file, or a damaged one: none.

    Times more than a day after `now` (seconds since 1970) are no times. Memory is 8 bytes a row.
    """

    def __init__(self, path: Path | None, columns: Sequence[str], since: str, now: float) -> None:
        self.path, self.columns = path, list(columns)
        self.reader = TimeReader("UTC", None, now)
        found = [np.zeros(0, np.int64)]
        if path is not None and path.is_file():
            try:
                found += [self.moments(batch.column(since).to_pylist()) for batch in self._batches()]
            except (OSError, pa.ArrowException, KeyError) as error:
                log.warning("the rows that %s holds cannot be read (%s), so all are asked for", path, type(error).__name__)
                self.path, found = None, found[:1]
        self.moments_N = np.concatenate(found)
        known_N = self.moments_N[self.moments_N != _UNKNOWN]
        self.since: datetime = since_newest(int(known_N.max()) if len(known_N) else None)

    def moments(self, values: Sequence[str | None]) -> np.ndarray:
        """Microseconds since 1970 of written times, int64 [N]; the least number for what is none."""
        read = [None if value is None else self.reader.read(value) for value in values]
        return np.array([_UNKNOWN if each is None or each.reason else each.microseconds for each in read], np.int64)

    def has_times(self, values: Sequence[str | None]) -> bool:
        """Whether any of these is a time, or all are missing."""
        return all(value is None for value in values) or bool((self.moments(values) != _UNKNOWN).any())

    def staying(self) -> Iterator[tuple[list[list[str | None]], np.ndarray]]:
        """The columns of a batch of rows, and whether each stays unless it came again: bool [N]."""
        if self.path is None or not len(self.moments_N):
            return
        border, start = int((self.since.timestamp() + DAY_SECONDS) * 1e6), 0
        for batch in self._batches():
            moments = self.moments_N[start : start + len(batch)]
            start += len(batch)
            yield [batch.column(name).to_pylist() for name in self.columns], moments < border  # of unknown time too

    def _batches(self) -> Iterator[pa.RecordBatch]:
        assert self.path is not None
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=self.columns, use_threads=False)
