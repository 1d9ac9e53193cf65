"""Judge records and write them: into the corpus, or with a reason into quarantine."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.missing import Missing
from tasks.documents.reasons import QUARANTINE_BYTES, REASONS
from tasks.documents.spelling import spelled
from tasks.documents.text import read_text, what_is_wrong
from tasks.errors import RequestError
from tasks.forget.forgotten import REASON as FORGOTTEN
from tasks.ingest.kept_writer import KeptWriter
from tasks.ingest.labels import LabelBins
from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA, QUARANTINE, QUARANTINE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from tasks.documents.record import Record
    from tasks.documents.tally import Tally
    from tasks.forget.forgotten import Forgotten
    from tasks.ingest.given import GivenLabels
    from tasks.ingest.marking import Marking
    from tasks.ingest.settings import IngestConfig

BATCH_ROWS = 4096
BATCH_CHARS = 16 << 20
MAX_LABELS = 10_000  # a column with more does not hold classes, and every count of labels would grow with the corpus
GIVEN = ("test", "valid")  # splits whose rows need a label
_NO_LABEL: tuple[str | None, str | None, str] = (None, None, "")


class Writer:
    """Both tables of one corpus, written in batches; a context manager that closes their files."""

    def __init__(
        self,
        config: IngestConfig,
        names: Mapping[str, str] | None,
        folder: Path,
        forgotten: Forgotten | None = None,
        given: GivenLabels | None = None,
    ) -> None:
        self.forgotten, self.given = forgotten, given
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
        self._classes: dict[str, tuple[str | None, str | None, str]] = {}  # what `_class_of` says of the labels of an input
        self._rows: list[tuple[str, str, str | None, str | None, str, str]] = []
        self._chars = 0
        self._refused: list[tuple[str, int, str, bytes]] = []
        options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
        dictionaries = ["label", "split", "source"]
        self._corpus = pq.ParquetWriter(folder / CORPUS, CORPUS_SCHEMA, use_dictionary=dictionaries, **options)
        self._quarantine = pq.ParquetWriter(folder / QUARANTINE, QUARANTINE_SCHEMA, **options)
        self.marking: Marking | None = None
        if config.name is not None:
            from tasks.ingest.marking import Marking  # few corpora have such a column

            self.marking = Marking(config.name, config.missing)
        self.beside = KeptWriter(config.keep, Missing(config.missing), folder) if config.keep else None
        # Arrow compresses without Python's lock, so a batch is written while the next is read.
        self._thread = ThreadPoolExecutor(1)
        self._written: Future[None] | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.flush()  # after an error too: the refused records may tell why
            self._wait()
        finally:
            self._thread.shutdown()
            self._corpus.close()
            self._quarantine.close()
            if self.beside is not None:
                self.beside.close()

    @property
    def quarantined(self) -> int:
        """Records in quarantine so far."""
        return self.reasons.total()

    def begin_input(self) -> None:
        """Forget how the input before spelled its labels."""
        self._spellings, self._classes = {}, {}

    def spellings(self) -> dict[str, list[str]]:
        """Labels that this input spells in more ways than one, with these ways in the order they came."""
        if self.bins is not None:
            return {}
        ways: dict[str, list[str]] = {}
        for written, label in self._spellings.items():
            ways.setdefault(label, []).append(written)
        return {label: written for label, written in ways.items() if len(written) > 1}

    def add(self, record: Record, tally: Tally) -> None:
        """Judge one record, and put it into the corpus or into quarantine."""
        self.found += 1
        text, reason, offset = read_text(record, tally.encoding, self.max_chars)
        label, detail, found = None, record.detail, None
        if self.forgotten is not None and self.forgotten.in_record(text, record.data, tally.encoding):
            reason, detail = FORGOTTEN, ""
        if reason is None:
            label, reason, detail = self._label(record)
            found = self.given and self.given.of(text)
        if found and self.given:  # also where the label that the corpus gives is refused
            key, named = found
            self.given.use(key, record.id, label, named, record.split)
            label, reason = named, None
            if record.split in (None, "unlabelled"):
                record = record._replace(split=self.given.split)
        if reason is not None:
            self._refuse(record, reason, offset, detail, tally)
        else:
            tally.count(record.source, record.offset, record.data, text, None)
            if self.marking is not None and record.rest:
                name, record = record.rest[-1][1], record._replace(rest=record.rest[:-1])
                text = self.marking.marked(text, name)
            digest = hashlib.sha256(text.encode()).digest()
            split = "unlabelled" if label is None else record.split
            self._keep(label, split, digest)
            self._rows.append((record.id, text, label, split, record.source, digest.hex()))
            self._chars += len(text)
            if self.beside is not None:
                self.beside.add(record)
        if len(self._rows) >= BATCH_ROWS or self._chars >= BATCH_CHARS or len(self._refused) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._rows:
            columns = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
            self._wait()
            self._written = self._thread.submit(self._corpus.write_batch, pa.record_batch(columns, schema=CORPUS_SCHEMA))
            self._rows, self._chars = [], 0
        if self._refused:
            fields = zip(zip(*self._refused, strict=True), QUARANTINE_SCHEMA, strict=True)
            self._quarantine.write_batch(pa.record_batch([pa.array(c, f.type) for c, f in fields], schema=QUARANTINE_SCHEMA))
            self._refused = []

    def _wait(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def _refuse(self, record: Record, reason: str, offset: int, detail: str, tally: Tally) -> None:
        # A binary file says nothing about the encoding of the others.
        data = b"" if reason in ("binary", FORGOTTEN) else record.data
        tally.count(record.source, record.offset, data, None, offset if reason == "undecodable" else None)
        self.reasons[reason] += 1
        self.first_refused = self.first_refused or f"{record.id}: {detail or REASONS.get(reason, reason)}"
        self._refused.append((record.source, offset, reason, b"" if reason == FORGOTTEN else record.data[:QUARANTINE_BYTES]))

    def _label(self, record: Record) -> tuple[str | None, str | None, str]:
        """The class of a record, or the reason why its label is refused, with more words about that."""
        written = record.label
        judged = _NO_LABEL if written is None else self._classes.get(written)
        if judged is None:
            judged = self._class_of(str(written))
            if len(self._classes) < 2 * MAX_LABELS:
                self._classes[str(written)] = judged
        return (None, "missing_label", "") if judged == _NO_LABEL and record.split in GIVEN else judged

    def _class_of(self, written: str) -> tuple[str | None, str | None, str]:
        if "\0" in written:
            return None, "nul", ""
        label = spelled(written)
        if len(self._spellings) < 2 * MAX_LABELS:
            self._spellings[written] = label
        if not label:
            return _NO_LABEL
        if self.bins is not None:
            binned = self.bins.name(label)
            if binned is None:
                return None, "label_not_a_number", f"label {label[:40]!r} is not a number"
            label = binned
        known = label if self.names is None else self.names.get(label)
        if known is None or (self.accepted and known not in self.accepted):
            asked = "named in --ingest.label-names" if known is None else "among --ingest.labels"
            return None, "unknown_label", f"label {label[:40]!r} is not {asked}"
        if not known.isascii() and what_is_wrong(known, len(known)) == "surrogate":
            return None, "surrogate", ""
        return known, None, ""

    def _keep(self, label: str | None, split: str | None, digest: bytes) -> None:
        self.kept += 1
        self.splits[split or "unsplit"] += 1
        if label is None:
            self.unlabelled += 1
            return
        self.labels[label] += 1
        if split not in GIVEN:
            self.train_labels.add(label)
            if len(self.texts) <= MAX_LABELS // 2:
                self.texts.add(digest[:8])
        if len(self.labels) > MAX_LABELS:
            raise RequestError(
                f"more than {MAX_LABELS:,} different labels, such as {label[:40]!r}; is --ingest.label the right column? "
                "Numbers become classes with --ingest.label-bins"
            )
