"""One refresh under way: it adds to a monitor's state, in bounded memory."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.crash import crash_point
from tasks.errors import UnavailableError
from tasks.monitor.aggregate import count_histograms, count_models, count_series
from tasks.monitor.parts import Part, merge_parts, small_parts, write_parts
from tasks.monitor.tables import SCORED_SCHEMA

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

HELD_BYTES = 48 << 20  # documents held before they are written or merged: few files a day, whatever their order
MAX_SMALL_PARTS = 16  # files of one day that are left side by side
_VARIABLES = 4096  # of one statement; SQLite takes at most 32,766


class Refused(NamedTuple):
    """A record that cannot be a document: its place, the reason, and its first bytes."""

    source: str
    offset: int
    reason: str
    data: bytes


class Transaction:
    """The changes of one refresh; made by `MonitorState.refresh`, and part of its SQLite transaction.

    `duplicates` is the caller's to count: documents that `seen` knew and that were therefore not added.
    """

    def __init__(self, db: sqlite3.Connection, folder: Path, *, refresh_id: str, negative: str) -> None:
        self.db = db
        self.id = refresh_id
        self.negative = negative
        self.scored = self.duplicates = self.num_quarantined = 0
        self.unknown = 0  # scored documents of which the model knows no word
        self.num_waiting = 0  # documents that are claimed and not scored yet
        self.refused: Counter[str] = Counter()  # documents that were claimed and could not be scored, by reason
        self._documents = folder / "documents"
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._days: set[str] = set()  # to which files were added

    def seen(self, ids: Sequence[bytes]) -> np.ndarray:
        """Which documents count already, from this refresh or an earlier one, or occur earlier among these: bool [N]."""
        known: set[bytes] = set()
        for start in range(0, len(ids), _VARIABLES):
            some = ids[start : start + _VARIABLES]
            places = ",".join("?" * len(some))
            known.update(row[0] for row in self.db.execute(f"SELECT id FROM documents WHERE id IN ({places})", some))  # noqa: S608
        mask = np.zeros(len(ids), bool)
        for row, identity in enumerate(ids):
            mask[row] = identity in known
            known.add(identity)
        return mask

    def claim(self, batch: pa.RecordBatch) -> None:
        """Take down that documents (columns id and day), none of which `seen` knows, will be added by this refresh."""
        days = batch.column("day").cast(pa.string()).to_pylist()
        rows = zip(batch.column("id").to_pylist(), days, strict=True)
        self.db.executemany("INSERT INTO documents VALUES (?, ?)", rows)
        self.num_waiting += batch.num_rows
        crash_point("monitor.claimed")

    def add(self, batch: pa.RecordBatch, *, claimed: bool = False) -> None:
        """Count scored documents (SCORED_SCHEMA, no nulls), none of which `seen` knows unless this refresh `claimed` them."""
        if not batch.schema.equals(SCORED_SCHEMA):
            raise ValueError(f"not SCORED_SCHEMA: {batch.schema}")
        if not batch.num_rows:
            return
        if not claimed:
            self.claim(batch)
        self._count(batch)
        self.num_waiting -= batch.num_rows
        self.scored += batch.num_rows
        self.unknown += int(pc.sum(pc.equal(batch.column("tokens"), batch.column("unseen"))).as_py())
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        crash_point("monitor.counted")
        if self._held_bytes >= HELD_BYTES:
            self.flush()

    def quarantine(self, records: Iterable[Refused]) -> None:
        """Count records that cannot be read, and keep each once, however often its source is read."""
        rows = []
        for source, offset, reason, data in records:
            identity = hashlib.sha256(b"\0".join([source.encode(), reason.encode(), data])).digest()
            rows.append((identity, source, offset, reason, data, self.id))
        self.db.executemany("INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.num_quarantined += len(rows)

    def refuse(self, records: Sequence[Refused]) -> None:
        """Put documents that this refresh claimed, and that cannot be scored, into quarantine; they stay claimed."""
        self.quarantine(records)
        self.refused.update(record.reason for record in records)
        self.num_waiting -= len(records)

    def number_labels(self, labels: Iterable[str]) -> dict[str, int]:
        """The bins of the feature `label`; a label that is new gets the next one."""
        known = dict(self.db.execute("SELECT name, bin FROM labels ORDER BY bin"))
        for label in labels:
            if label not in known:
                known[label] = len(known)
                self.db.execute("INSERT INTO labels VALUES (?, ?)", (label, known[label]))
        return known

    def figures(self) -> dict[str, int]:
        """found = scored + duplicates + quarantined, so far."""
        parts = {"scored": self.scored, "duplicates": self.duplicates, "quarantined": self.num_quarantined}
        return {"found": sum(parts.values()), **parts}

    def setting(self, key: str) -> str | None:
        """The text that `keep` kept under a key, in this refresh or an earlier one."""
        row = self.db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def keep(self, key: str, value: str) -> None:
        """Keep a value with the monitor, in place of the one it had."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    def reasons(self, source: str) -> dict[str, int]:
        """Why records of a source were refused, so far as they are kept in quarantine, and how many for each reason."""
        rows = self.db.execute("SELECT reason, count(*) FROM quarantine WHERE source = ? GROUP BY reason ORDER BY 1", (source,))
        return dict(rows.fetchall())

    def watermark(self, path: str, stamp: str) -> tuple[int, int] | None:
        """How many good and bad records a file held, if it was read before and its `stamp` is the same."""
        row = self.db.execute("SELECT good, quarantined FROM watermarks WHERE path = ? AND stamp = ?", (path, stamp)).fetchone()
        return (row[0], row[1]) if row else None

    def set_watermark(self, path: str, stamp: str, good: int, quarantined: int) -> None:
        """Remember the counts of a file, so that it need not be read again while its `stamp` is the same."""
        self.db.execute("INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?, ?)", (path, stamp, good, quarantined))

    def newest(self, name: str) -> int | None:
        """The time (microseconds since 1970) kept by `set_newest` under this name, if one was."""
        row = self.db.execute("SELECT stamp FROM watermarks WHERE path = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def set_newest(self, name: str, microseconds: int) -> None:
        """Keep the time of the newest document that a source has given; an earlier one changes nothing."""
        self.set_watermark(name, str(max(microseconds, self.newest(name) or microseconds)), 0, 0)

    @property
    def days(self) -> frozenset[str]:
        """The days to which documents were written; `flush` writes those that are held."""
        return frozenset(self._days)

    def flush(self) -> None:
        """Write the documents that are held, so that readers of this transaction find them."""
        if not self._held:
            return
        parts = write_parts(self._documents, self._held)
        self._name(parts)
        crash_point("monitor.flushed")
        self._days.update(part.day for part in parts)
        self._held, self._held_bytes = [], 0

    def compact(self) -> None:
        """Merge the small files of each day that this refresh added to, where there are more than MAX_SMALL_PARTS of them.

        A monitor that is refreshed every quarter of an hour would have a hundred files a day for ever, and many times as many
        of a source whose documents come late. The old files are removed when the next refresh begins, so that who reads
        meanwhile finds them.
        """
        for day in sorted(self._days):
            rows = self.db.execute("SELECT path, day, rows, sha256 FROM files WHERE day = ? ORDER BY path", (day,))
            small = small_parts(self._documents, [Part(*row) for row in rows])
            if len(small) <= MAX_SMALL_PARTS:
                continue
            try:
                for parts, merged in merge_parts(self._documents, small, HELD_BYTES):
                    self.db.executemany("DELETE FROM files WHERE path = ?", [(part.path,) for part in parts])
                    self._name([merged])
                    crash_point("monitor.merged")
            except (UnavailableError, OSError) as error:  # readers of that day are told; new documents must count all the same
                log.warning("the files of %s are not merged: %s", day, error)

    def _name(self, parts: Sequence[Part]) -> None:
        """Make files part of the state: one that the table does not name does not exist."""
        self.db.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?)", [(*part, self.id) for part in parts])

    def _count(self, batch: pa.RecordBatch) -> None:
        self.db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT (series, day) DO UPDATE SET "
            "documents = documents + excluded.documents, negative = negative + excluded.negative, "
            "negative_millionths = negative_millionths + excluded.negative_millionths",
            count_series(batch, self.negative),
        )
        labels = self.number_labels(sorted(set(batch.column("label").to_pylist())))
        self.db.executemany(
            "INSERT INTO histograms VALUES (?, ?, ?, ?) ON CONFLICT (feature, day, bin) DO UPDATE SET "
            "documents = documents + excluded.documents",
            count_histograms(batch, labels),
        )
        self.db.executemany(
            "INSERT INTO models VALUES (?, ?, ?) ON CONFLICT (model, day) DO UPDATE SET "
            "documents = documents + excluded.documents",
            count_models(batch),
        )
