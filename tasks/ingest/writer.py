"""Judge records and write them: into the corpus, or with a reason into quarantine."""

from __future__ import annotations

import codecs
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.ingest.encoding import decode, extends_ascii
from tasks.ingest.labels import LabelBins
from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA, QUARANTINE, QUARANTINE_BYTES, QUARANTINE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.ingest.record import Record

BATCH_ROWS = 4096
BATCH_CHARS = 16 << 20
MAX_LABELS = 10_000  # a column with more is no label, and every count of labels would grow with the corpus


class RefusedError(Exception):
    """A record that goes to quarantine; `offset` counts from the record's own."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Tally:
    """What the bytes of one input say about the declared encoding."""

    def __init__(self, encoding: str, option: str = "--ingest.encoding") -> None:
        self.encoding = encoding
        self.option = option
        self.compare = extends_ascii(encoding) and codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig", "ascii")
        self.found = self.undecodable = self.beyond_ascii = self.utf8 = 0
        self.first: tuple[str, int, bytes] | None = None
        self.first_utf8: tuple[str, int] | None = None

    def count(self, record: Record, reason: str | None, offset: int) -> None:
        """Take one record into account; `offset` is that of its first bad byte if the reason is `undecodable`."""
        self.found += 1
        if reason == "undecodable":
            self.undecodable += 1
            self.first = self.first or (record.source, offset, record.data)
        if self.compare and not record.data.isascii():
            self.beyond_ascii += 1
            if is_utf8(record.data):
                self.utf8 += 1
                at = next(at for at, byte in enumerate(record.data) if byte > 127)
                self.first_utf8 = self.first_utf8 or (record.source, record.offset + at)

    def check(self, path: Path) -> None:
        """Raise RequestError if the declared encoding is not the input's: more undecodable records than damage explains.

        An 8-bit encoding decodes anything, so there the sign is that the text beyond ASCII is valid UTF-8, which text in such
        an encoding practically never is.
        """
        if self.first is not None and (self.undecodable > max(10, self.found // 1000) or 2 * self.undecodable > self.found):
            source, offset, _ = self.first
            remedy = "latin-1" if "utf" in self.encoding.lower() else "utf-8"
            raise RequestError(
                f"{path}: byte {offset} of {source} is not {self.encoding}, nor are {self.undecodable:,} of {self.found:,}"
                f" records; name the encoding, such as {self.option} {remedy}"
            )
        if self.first_utf8 is not None and 10 * self.utf8 > 9 * self.beyond_ascii:
            source, offset = self.first_utf8
            raise RequestError(
                f"{path}: byte {offset} of {source} begins a UTF-8 character, and {self.utf8:,} of {self.beyond_ascii:,}"
                f" records beyond ASCII are UTF-8, not {self.encoding}; use {self.option} utf-8"
            )


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class Writer:
    """Both tables of one corpus, written in batches; a context manager that closes their files."""

    def __init__(self, config: IngestConfig, names: Mapping[str, str] | None, folder: Path) -> None:
        self.accepted = frozenset(config.labels)
        self.names = names
        self.bins = LabelBins(config.label_bins, config.label_bin_names) if config.label_bins else None
        self.max_chars = config.max_chars
        self.labels: Counter[str] = Counter()
        self.train_labels: set[str] = set()
        self.splits: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.found = self.kept = self.unlabelled = 0
        self._rows: list[tuple[str, str, str | None, str | None, str, str]] = []
        self._chars = 0
        self._refused: list[tuple[str, int, str, bytes]] = []
        options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
        dictionaries = ["label", "split", "source"]
        self._corpus = pq.ParquetWriter(folder / CORPUS, CORPUS_SCHEMA, use_dictionary=dictionaries, **options)
        self._quarantine = pq.ParquetWriter(folder / QUARANTINE, QUARANTINE_SCHEMA, **options)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.flush()
        self._corpus.close()
        self._quarantine.close()

    @property
    def quarantined(self) -> int:
        """Records in quarantine so far."""
        return self.reasons.total()

    def add(self, record: Record, tally: Tally) -> None:
        """Judge one record and put it where it belongs."""
        self.found += 1
        try:
            text, label, split, digest = self._judge(record, tally.encoding)
        except RefusedError as refused:
            offset = record.offset + refused.offset
            tally.count(record, refused.reason, offset)
            self.reasons[refused.reason] += 1
            self._refused.append((record.source, offset, refused.reason, record.data[:QUARANTINE_BYTES]))
        else:
            tally.count(record, None, 0)
            self._keep(label, split)
            self._rows.append((record.id, text, label, split, record.source, digest))
            self._chars += len(text)
        if len(self._rows) >= BATCH_ROWS or self._chars >= BATCH_CHARS or len(self._refused) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._rows:
            columns = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
            self._corpus.write_batch(pa.record_batch(columns, schema=CORPUS_SCHEMA))
            self._rows, self._chars = [], 0
        if self._refused:
            fields = zip(zip(*self._refused, strict=True), QUARANTINE_SCHEMA, strict=True)
            self._quarantine.write_batch(pa.record_batch([pa.array(c, f.type) for c, f in fields], schema=QUARANTINE_SCHEMA))
            self._refused = []

    def _judge(self, record: Record, encoding: str) -> tuple[str, str | None, str | None, str]:
        if record.reason is not None:
            raise RefusedError(record.reason)
        text = record.text
        if text is None:
            try:
                text = decode(record.data, encoding)
            except UnicodeDecodeError as error:
                raise RefusedError("undecodable", error.start) from None
        if len(text) > self.max_chars:
            raise RefusedError("too_long")
        if "\0" in text or (record.label is not None and "\0" in record.label):
            raise RefusedError("nul")
        if not text or text.isspace():
            raise RefusedError("empty")
        label = self._label(record.label)
        if label is None and record.split == "test":
            raise RefusedError("missing_label")
        try:
            digest = hashlib.sha256(text.encode()).hexdigest()
            (label or "").encode()
        except UnicodeEncodeError:
            raise RefusedError("surrogate") from None
        return text, label, "unlabelled" if label is None else record.split, digest

    def _label(self, label: str | None) -> str | None:
        if label is None:
            return None
        if self.bins is not None:
            binned = self.bins.name(label)
            if binned is None:
                raise RefusedError("label_not_a_number")
            label = binned
        named = label if self.names is None else self.names.get(label)
        if named is None or (self.accepted and named not in self.accepted):
            raise RefusedError("unknown_label")
        return named

    def _keep(self, label: str | None, split: str | None) -> None:
        self.kept += 1
        self.splits[split or "unsplit"] += 1
        if label is None:
            self.unlabelled += 1
            return
        self.labels[label] += 1
        if split != "test":
            self.train_labels.add(label)
        if len(self.labels) > MAX_LABELS:
            raise RequestError(
                f"more than {MAX_LABELS:,} different labels, such as {label[:40]!r}; is --ingest.label the right column? "
                "Numbers become classes with --ingest.label-bins"
            )
