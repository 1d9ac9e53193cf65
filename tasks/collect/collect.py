"""Collect what is new: read the source, judge each record, drop what was seen before, and lay the rest out for scoring."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.collect.feed import feed_sources, is_feed
from tasks.collect.files import file_sources, is_glob
from tasks.collect.found import COLLECTED_SCHEMA, Found
from tasks.collect.query import query_sources
from tasks.collect.times import TimeReader
from tasks.errors import RequestError
from tasks.ingest.encoding import decode
from tasks.ingest.schema import QUARANTINE_BYTES
from tasks.ingest.text import what_is_wrong
from tasks.monitor.transaction import Refused
from tasks.progress import SILENT
from tasks.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks.collect.found import Source
    from tasks.config import CollectConfig
    from tasks.monitor.transaction import Transaction
    from tasks.progress import Progress

log = logging.getLogger(__name__)

BATCH_ROWS = 4096
BATCH_BYTES = 16 << 20  # or what is held at a time would grow with the longest rows, to gigabytes
DAY_SECONDS = 86_400
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()


def check_source(config: CollectConfig) -> None:
    """Raise RequestError for what can be known before anything is read."""
    if config.query is None and config.source is None:
        raise RequestError("nothing to read; give --collect.source FILE_FOLDER_OR_URL, or --collect.query with its database")
    if (
        config.source is not None
        and not is_url(config.source)
        and not is_glob(config.source)
        and not Path(config.source).exists()
    ):
        raise RequestError(f"--collect.source {config.source}: no such file or folder; correct the path")


def open_sources(config: CollectConfig, newest: Callable[[str], int | None]) -> Iterator[Source]:
    """The files, the feed or the query that the config names; `newest` is `Transaction.newest`."""
    check_source(config)
    if config.query is not None:
        return query_sources(config, newest)
    return feed_sources(config) if _kind(config) == "feed" else file_sources(config)


class Collector:
    """Reads sources into one refresh; `now` is seconds since 1970."""

    def __init__(self, config: CollectConfig, transaction: Transaction, *, now: float) -> None:
        self.config = config
        self.transaction = transaction
        self.reasons: Counter[str] = Counter()
        self.passed_over = 0  # documents of other days than those asked for
        self.num_sources = self.num_unchanged = 0
        self._times = TimeReader(config.timezone, config.date_order)
        self._latest = (now + DAY_SECONDS) * 1e6
        self._days = tuple(None if day is None else day.toordinal() - _FIRST_ORDINAL for day in (config.since, config.until))

    def batches(self, progress: Progress = SILENT) -> Iterator[pa.RecordBatch]:
        """New documents (COLLECTED_SCHEMA), each claimed for this refresh; duplicates and quarantine are counted on the way.

        RequestError or UnavailableError if a source cannot be read.
        """
        for source in open_sources(self.config, self.transaction.newest):
            self.num_sources += 1
            if source.watermark and (known := self.transaction.watermark(*source.watermark)):
                self.num_unchanged += 1
                self.transaction.duplicates += known[0]
                self.transaction.num_quarantined += known[1]
                continue
            yield from self._read(source, progress)

    def report(self) -> dict[str, Any]:
        """What became of the records so far, beside the transaction's figures."""
        return {
            "sources": self.num_sources,
            "unchanged": self.num_unchanged,
            "passed_over": self.passed_over,
            "reasons": dict(sorted(self.reasons.items())),
        }

    def _read(self, source: Source, progress: Progress) -> Iterator[pa.RecordBatch]:
        num_good, refused = 0, Counter[str]()
        newest: list[int] = []
        for found in _batches(source.records):
            rows, bad = self._judged(found, source)
            refused.update(record.reason for record in bad)
            num_good += len(rows)
            if source.newest and rows:
                newest = [max([*newest, *(row.microseconds for row in rows)])]
            self.transaction.quarantine(bad)
            if fresh := self._fresh(rows, source.name):
                yield fresh
            progress.advance(self.transaction.figures()["found"] + self.transaction.num_waiting, None, "documents", source.name)
        self.reasons += refused
        if source.newest and newest:
            self.transaction.set_newest(source.newest, newest[0])
        # A document of the future is a good one when its day has come, and a file may be readable the next time.
        if source.watermark and not refused["future"] and not refused["unreadable_file"]:
            self.transaction.set_watermark(*source.watermark, num_good, refused.total())

    def _judged(self, found: list[Found], source: Source) -> tuple[list[_Row], list[Refused]]:
        """The documents of the days asked for, and the records that are none."""
        rows: list[_Row] = []
        bad: list[Refused] = []
        first, last = self._days
        for record in found:
            text, reason, offset = _text(record, source.encoding, self.config.max_chars)
            moment = self._times.read(record.time or "")
            reason = reason or moment.reason or ("future" if moment.microseconds > self._latest else None)
            if reason is not None:
                bad.append(Refused(source.name, offset, reason, record.data[:QUARANTINE_BYTES]))
            elif (first is not None and moment.day < first) or (last is not None and moment.day > last):
                self.passed_over += 1
            else:
                rows.append(_Row(identity(moment.microseconds, text), moment.microseconds, moment.day, text))
        return rows, bad

    def _fresh(self, rows: list[_Row], source: str) -> pa.RecordBatch | None:
        """The rows that nobody has seen, claimed; None if there are none."""
        seen_N = self.transaction.seen([row.id for row in rows])
        self.transaction.duplicates += int(seen_N.sum())
        fresh = [row for row, seen in zip(rows, seen_N, strict=True) if not seen]
        if not fresh:
            return None
        ids, times, days, texts = zip(*fresh, strict=True)
        columns = [ids, times, days, texts, [source] * len(fresh)]
        batch = pa.record_batch(
            [pa.array(column, field.type) for column, field in zip(columns, COLLECTED_SCHEMA, strict=True)], COLLECTED_SCHEMA
        )
        self.transaction.claim(batch)
        return batch


class _Row(NamedTuple):
    id: bytes
    microseconds: int
    day: int
    text: str


def identity(microseconds: int, text: str) -> bytes:
    """SHA-256 of a document's time and text; how its white space is laid out does not matter."""
    return hashlib.sha256(f"{microseconds} {' '.join(text.split())}".encode()).digest()


def _batches(records: Iterable[Found]) -> Iterator[list[Found]]:
    """At most BATCH_ROWS records at a time, fewer where they are long."""
    batch: list[Found] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.data) + len(record.text or "")
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _text(record: Found, encoding: str, max_chars: int) -> tuple[str, str | None, int]:
    """The text of a record, what is wrong with it, and the byte to look at."""
    text, offset = record.text, record.offset
    if record.reason is not None:
        return "", record.reason, offset
    if text is None:
        try:
            text = decode(record.data, encoding)
        except UnicodeDecodeError as error:
            return "", "undecodable", offset + error.start
    return text, what_is_wrong(text, max_chars), offset


def _kind(config: CollectConfig) -> str:
    assert config.source is not None
    return config.kind if config.kind != "auto" else "feed" if is_feed(config.source) else "table"
