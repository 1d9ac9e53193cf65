"""Collect new documents: read the source, judge each record, drop those seen before, and lay the rest out for scoring."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.collect.feed import feed_sources, is_feed
from tasks.collect.files import check_file, file_sources, is_glob
from tasks.collect.found import COLLECTED_SCHEMA
from tasks.collect.order import DEFAULT, ORDERS, WORDS, Evidence, Verdict, needs_order
from tasks.collect.query import query_sources
from tasks.collect.silent import KIND_OF_FILE, MAX_TOLD, SILENT_SOURCES, Silent
from tasks.documents.reasons import QUARANTINE_BYTES
from tasks.documents.tally import Tally
from tasks.documents.text import read_text
from tasks.documents.times import Moment, TimeReader
from tasks.errors import RequestError
from tasks.forget.forgotten import REASON as FORGOTTEN
from tasks.monitor.transaction import Refused
from tasks.progress import SILENT
from tasks.shown import in_line, json_text
from tasks.store.digests import canonical, sha256_text
from tasks.urls import is_url, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks.collect.found import Source
    from tasks.collect.settings import CollectConfig
    from tasks.documents.record import Record
    from tasks.documents.times import DateOrder
    from tasks.forget.forgotten import Forgotten
    from tasks.monitor.transaction import Transaction
    from tasks.progress import Progress

log = logging.getLogger(__name__)

BATCH_ROWS = 4096
BATCH_BYTES = 16 << 20  # or a batch would grow with the longest rows, to gigabytes
MAY_CHANGE = frozenset({"future", "unreadable_file", "ambiguous_date", "other_date_order"})
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()


def check_source(config: CollectConfig) -> None:
    """Raise RequestError for all that can be known before anything is read."""
    if config.query is None and config.source is None:
        raise RequestError("nothing to read; give --collect.source FILE_FOLDER_OR_URL, or --collect.query with its database")
    if (
        config.source is not None
        and not is_url(config.source)
        and not is_glob(config.source)
        and not Path(config.source).exists()
    ):
        raise RequestError(f"--collect.source {config.source}: no such file or folder; correct the path")
    if config.source is not None and _kind(config) == "table" and Path(config.source).is_file():
        check_file(Path(config.source), config)


def open_sources(config: CollectConfig, newest: Callable[[str], int | None]) -> Iterator[Source]:
    """The files, the feed or the query that the config names; `newest` is `Transaction.newest`."""
    check_source(config)
    if config.query is not None:
        return query_sources(config, newest)
    return feed_sources(config) if _kind(config) == "feed" else file_sources(config)


class Collector:
    """Reads sources into one refresh; `now` is seconds since 1970. Texts that were `forgotten` are refused, and not kept."""

    def __init__(
        self, config: CollectConfig, transaction: Transaction, *, now: float, forgotten: Forgotten | None = None
    ) -> None:
        self._forgotten = forgotten
        self.config = config
        self.transaction = transaction
        self.reasons: Counter[str] = Counter()
        self.passed_over = 0  # documents of other days than those asked for
        self.num_sources = self.num_unchanged = 0
        self.warnings: list[str] = []
        self.silent: list[Silent] = []
        self._now = now
        self._readers: dict[DateOrder | None, TimeReader] = {}
        self._files = config.query is None and config.source is not None and _kind(config) != "feed"
        self._tally = Tally(config.reading.encoding, config.reading.flags.encoding)
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
                if known[1] and not known[0]:
                    self._note_silent(source.name, self.transaction.reasons(source.name) or {"refused": known[1]}, None)
                continue
            yield from self._read(source, progress)
        if not self.num_sources and is_glob(self.config.source or ""):
            self._warn(f"{without_secrets(self.config.source or '')}: no file fits this pattern; correct --collect.source")
        self._warn_of_encoding()
        self._warn_of_silent()
        self.transaction.keep(SILENT_SOURCES, json_text([silent._asdict() for silent in self.silent[:MAX_TOLD]]))

    def report(self) -> dict[str, Any]:
        """What became of the records so far, beside the transaction's figures."""
        return {
            "sources": self.num_sources,
            "unchanged": self.num_unchanged,
            "passed_over": self.passed_over,
            "reasons": dict(sorted(self.reasons.items())),
            "refused_sources": [silent._asdict() for silent in self.silent],
            "warnings": self.warnings,
        }

    def _read(self, source: Source, progress: Progress) -> Iterator[pa.RecordBatch]:
        if source.warning:
            self._warn(f"{source.name}: {source.warning}")
        num_good, passed_over, refused = 0, self.passed_over, Counter[str]()
        newest: list[int] = []
        example: str | None = None
        for found, verdict in self._with_verdict(source):
            rows, bad = self._judged(found, source, verdict)
            refused.update(record.reason for record in bad)
            num_good += len(rows)
            if bad and example is None:
                example = next((record.time for record in found if record.time and record.offset == bad[0].offset), None)
            if source.newest and rows:
                newest = [max([*newest, *(moment.microseconds for _, moment in rows)])]
            self.transaction.quarantine(bad)
            if fresh := self._fresh(rows, source.name):
                yield fresh
            progress.advance(self.transaction.figures()["found"] + self.transaction.num_waiting, None, "documents", source.name)
        self.reasons += refused
        if refused and not num_good and passed_over == self.passed_over:
            self._note_silent(source.name, dict(sorted(refused.items())), example)
        if source.newest and newest:
            self.transaction.set_newest(source.newest, newest[0])
        # A record that is refused today may be a document later: when its day comes, its file is whole, or its order is known.
        if source.watermark and not refused.keys() & MAY_CHANGE:
            self.transaction.set_watermark(*source.watermark, num_good, refused.total())

    def _with_verdict(self, source: Source) -> Iterator[tuple[list[Record], Verdict]]:
        """The records in batches, and how their dates in numbers are read: found out when the first one comes that needs it."""
        batches = _batches(source.records)
        verdict, first = None, True
        while (found := next(batches, None)) is not None:
            if verdict is None and any(needs_order(record.time, self._reader(None)) for record in found):
                following = next(batches, None)
                whole = [found] if first and following is None else _batches((source.again or found.__iter__)())
                verdict = self._verdict(source, whole)
                batches = itertools.chain([following] if following else [], batches)
            first = False
            yield found, verdict or Verdict(self.config.date_order or DEFAULT)

    def _verdict(self, source: Source, batches: Iterable[list[Record]]) -> Verdict:
        """How the dates of a source are read; RequestError if most of the only source cannot be."""
        evidence = Evidence(self._reader(None))
        for found in batches:
            evidence.add(record.time for record in found)
        place = sha256_text(canonical([self.config.source, self.config.query, self.config.time]))
        key = f"date_order {place[:16]}"
        known = next((order for order in ORDERS if order == self.transaction.setting(key)), None)
        declared = self.config.date_order
        if declared and known and declared != known:
            self._warn(f"{source.name}: earlier dates were {WORDS[known]}, these are read {WORDS[declared]} as you asked")
        verdict = evidence.verdict(declared, known)
        if verdict.trouble and source.alone and verdict.most:
            raise RequestError(f"{in_line(source.name)}: {in_line(verdict.trouble)}")
        if verdict.trouble:
            self._warn(f"{source.name}: {verdict.trouble}; they go to quarantine until then")
        if verdict.proved and verdict.order and verdict.order != known:
            self.transaction.keep(key, verdict.order)
        return verdict

    def _warn(self, message: str) -> None:
        message = in_line(message)
        log.warning("%s", message)
        self.warnings.append(message)

    def _warn_of_encoding(self) -> None:
        """Say where the files' bytes or texts are not of the declared encoding."""
        source = str(self.config.source)
        try:
            self._tally.check(source)
        except RequestError as error:
            self._warn(str(error))
        for line in self._tally.warnings(source):
            self._warn(line)

    def _note_silent(self, source: str, reasons: dict[str, int], example: str | None) -> None:
        if reasons.keys() - KIND_OF_FILE:
            self.silent.append(Silent(source, sum(reasons.values()), reasons, example))

    def _warn_of_silent(self) -> None:
        for silent in self.silent[:MAX_TOLD]:
            self._warn(silent.told())
        if len(self.silent) > MAX_TOLD:
            self._warn(f"{len(self.silent) - MAX_TOLD:,} more sources gave nothing but records that are refused")

    def _reader(self, order: DateOrder | None) -> TimeReader:
        if order not in self._readers:
            self._readers[order] = TimeReader(self.config.timezone, order, self._now)
        return self._readers[order]

    def _orders(self, written: str | None) -> frozenset[str] | None:
        return self._reader(None).orders(written) if written else None

    def _judged(
        self, found: list[Record], source: Source, verdict: Verdict
    ) -> tuple[list[tuple[Record, Moment]], list[Refused]]:
        """The documents of the days asked for with their moments, and the records that are refused."""
        rows: list[tuple[Record, Moment]] = []
        bad: list[Refused] = []
        first, last = self._days
        times = self._reader(verdict.order)
        for record in found:
            text, reason, offset = read_text(record, source.encoding, self.config.max_chars)
            moment = times.read(record.time or "")
            if verdict.contradicted and verdict.refuses(self._orders(record.time)):
                moment = Moment(0, 0, "other_date_order")
            if self._files and source.encoding == self._tally.encoding:
                bad_byte = offset if reason == "undecodable" else None
                self._tally.count(source.name, record.offset, record.data, None if reason else text, bad_byte)
            reason = reason or moment.reason
            if self._forgotten is not None and self._forgotten.in_record(text, record.data, source.encoding):
                bad.append(Refused(source.name, record.offset, FORGOTTEN, b""))
            elif reason is not None:
                bad.append(Refused(source.name, offset, reason, record.data[:QUARANTINE_BYTES]))
            elif (first is not None and moment.day < first) or (last is not None and moment.day > last):
                self.passed_over += 1
            else:
                if record.former_time:
                    moment = moment._replace(former=times.read(record.former_time).microseconds)
                rows.append((record if record.text is not None else record._replace(text=text), moment))
        return rows, bad

    def _fresh(self, rows: list[tuple[Record, Moment]], source: str) -> pa.RecordBatch | None:
        """The rows that were never seen before, claimed; None if all were."""
        texts = [record.text or "" for record, _ in rows]
        ids = [identity(moment.microseconds, text) for (_, moment), text in zip(rows, texts, strict=True)]
        seen_N = self.transaction.seen(ids)
        formers = [
            (at, identity(moment.former, texts[at]))
            for at, (_, moment) in enumerate(rows)
            if moment.former is not None and moment.former != moment.microseconds
        ]
        if formers:  # the identities that textmill 0.1 gave them
            at_M, former_M = zip(*formers, strict=True)
            seen_N[list(at_M)] |= self.transaction.seen(former_M)
        self.transaction.duplicates += int(seen_N.sum())
        fresh = [at for at, seen in enumerate(seen_N) if not seen]
        if not fresh:
            return None
        moments = [rows[at][1] for at in fresh]
        columns: list[list[Any]] = [
            [ids[at] for at in fresh],
            [moment.microseconds for moment in moments],
            [moment.day for moment in moments],
            [texts[at] for at in fresh],
            [source] * len(fresh),
            [rows[at][0].rest or None for at in fresh],
        ]
        batch = pa.record_batch(
            [pa.array(column, field.type) for column, field in zip(columns, COLLECTED_SCHEMA, strict=True)], COLLECTED_SCHEMA
        )
        self.transaction.claim(batch)
        return batch


def identity(microseconds: int, text: str) -> bytes:
    """SHA-256 of a document's time and text, whatever white space is between its words."""
    return hashlib.sha256(f"{microseconds} {' '.join(text.split())}".encode()).digest()


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """At most BATCH_ROWS records at a time, fewer where they are long."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.data) + len(record.text or "")
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _kind(config: CollectConfig) -> str:
    assert config.source is not None
    return config.kind if config.kind != "auto" else "feed" if is_feed(config.source) else "table"
