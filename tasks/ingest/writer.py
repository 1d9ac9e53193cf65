"""Judge records and write them: into the corpus, or with a reason into quarantine."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.encoding import decode
from tasks.documents.reasons import QUARANTINE_BYTES, REASONS
from tasks.documents.spelling import spelled
from tasks.errors import RequestError
from tasks.ingest.labels import LabelBins
from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA, QUARANTINE, QUARANTINE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.documents.record import Record
    from tasks.documents.tally import Tally

BATCH_ROWS = 4096
BATCH_CHARS = 16 << 20
MAX_LABELS = 10_000  # a column with more is no label, and every count of labels would grow with the corpus


class RefusedError(Exception):
    """A record that goes to quarantine; `offset` counts from the record's own."""

    def __init__(self, reason: str, offset: int = 0, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.detail = detail


class Writer:
    """Both tables of one corpus, written in batches; a context manager that closes their files."""

    def __init__(self, config: IngestConfig, names: Mapping[str, str] | None, folder: Path) -> None:
        self.accepted = frozenset(map(spelled, config.labels))
        self.names = names
        self.bins = LabelBins(config.label_bins, config.label_bin_names) if config.label_bins else None
        self.max_chars = config.max_chars
        self.labels: Counter[str] = Counter()
        self.train_labels: set[str] = set()
        self.splits: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.found = self.kept = self.unlabelled = 0
        self.first_refused = ""
        self.texts: set[bytes] = set()  # of labelled train rows, until they are more than half of what labels can be
        self._spellings: dict[str, str] = {}
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
        self.flush()  # after an error too: what was refused may tell why
        self._corpus.close()
        self._quarantine.close()

    @property
    def quarantined(self) -> int:
        """Records in quarantine so far."""
        return self.reasons.total()

    def begin_input(self) -> None:
        """Forget how the input before spelled its labels."""
        self._spellings = {}

    def spellings(self) -> dict[str, list[str]]:
        """Labels that this input spells in more ways than one, with these ways in the order they came."""
        if self.bins is not None:
            return {}
        ways: dict[str, list[str]] = {}
        for written, label in self._spellings.items():
            ways.setdefault(label, []).append(written)
        return {label: written for label, written in ways.items() if len(written) > 1}

    def add(self, record: Record, tally: Tally) -> None:
        """Judge one record and put it where it belongs."""
        self.found += 1
        try:
            text, label, split, digest = self._judge(record, tally.encoding)
        except RefusedError as refused:
            offset = record.offset + refused.offset
            undecodable = offset if refused.reason == "undecodable" else None
            # A binary file says nothing about the encoding of the others.
            tally.count(record.source, record.offset, b"" if refused.reason == "binary" else record.data, None, undecodable)
            self.reasons[refused.reason] += 1
            detail = record.detail or refused.detail or REASONS.get(refused.reason, refused.reason)
            self.first_refused = self.first_refused or f"{record.id}: {detail}"
            self._refused.append((record.source, offset, refused.reason, record.data[:QUARANTINE_BYTES]))
        else:
            tally.count(record.source, record.offset, record.data, text, None)
            self._keep(label, split, digest)
            self._rows.append((record.id, text, label, split, record.source, digest.hex()))
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

    def _judge(self, record: Record, encoding: str) -> tuple[str, str | None, str | None, bytes]:
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
            digest = hashlib.sha256(text.encode()).digest()
            (label or "").encode()
        except UnicodeEncodeError:
            raise RefusedError("surrogate") from None
        return text, label, "unlabelled" if label is None else record.split, digest

    def _label(self, label: str | None) -> str | None:
        if label is None:
            return None
        named = self._spellings.get(label)
        if named is None:
            named = spelled(label)
            if len(self._spellings) < 2 * MAX_LABELS:
                self._spellings[label] = named
        if not named:
            return None
        if self.bins is not None:
            binned = self.bins.name(named)
            if binned is None:
                raise RefusedError("label_not_a_number", detail=f"label {named[:40]!r} is not a number")
            named = binned
        known = named if self.names is None else self.names.get(named)
        if known is None or (self.accepted and known not in self.accepted):
            asked = "named in --ingest.label-names" if known is None else "among --ingest.labels"
            raise RefusedError("unknown_label", detail=f"label {named[:40]!r} is not {asked}")
        return known

    def _keep(self, label: str | None, split: str | None, digest: bytes) -> None:
        self.kept += 1
        self.splits[split or "unsplit"] += 1
        if label is None:
            self.unlabelled += 1
            return
        self.labels[label] += 1
        if split != "test":
            self.train_labels.add(label)
            if len(self.texts) <= MAX_LABELS // 2:
                self.texts.add(digest[:8])
        if len(self.labels) > MAX_LABELS:
            raise RequestError(
                f"more than {MAX_LABELS:,} different labels, such as {label[:40]!r}; is --ingest.label the right column? "
                "Numbers become classes with --ingest.label-bins"
            )
