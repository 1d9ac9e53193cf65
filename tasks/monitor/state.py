"""The memory of one monitor: which documents were seen, what they add up to, and which alerts wait to be sent.

    <data root>/monitor/<name>/state.db                              SQLite: ids, aggregates, quarantine, alerts, outbox
    <data root>/monitor/<name>/documents/day=YYYY-MM-DD/*.parquet    the scored documents
    <data root>/monitor/<name>/lock                                  held by the one refresh that may write

One SQLite transaction makes a refresh count: before it commits, nothing has happened. Documents are written first, under names
made from their content, and a file that the table `files` does not name does not exist. So a refresh that is killed at any
moment leaves either all of itself or nothing, and its repetition gives the same bytes.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pyarrow as pa

from tasks.crash import crash_point
from tasks.durable import locked
from tasks.errors import RequestError, UnavailableError
from tasks.in_use import is_forbidden, is_held, remedy
from tasks.monitor.alert import DEPLOYMENT, Alert
from tasks.monitor.known import read_known
from tasks.monitor.parts import Part, read_part, sweep_parts
from tasks.monitor.stories import (
    COUNTS_OF_STORIES,
    FORGOTTEN_TABLE,
    Story,
    copies_of_days,
    first_of,
    has_tables,
    make_tables,
    most_copied,
    stories_of,
)
from tasks.monitor.stories import TABLES as STORY_TABLES
from tasks.monitor.tables import ALL, COUNTS_SCHEMA, HISTOGRAMS_SCHEMA, NAME, SCORED_SCHEMA
from tasks.monitor.towards import has_label
from tasks.monitor.transaction import Transaction
from tasks.names import MAX_CHARS, RULE, alike, is_name
from tasks.writable import writable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tasks.monitor.alert import Severity

log = logging.getLogger(__name__)

FORMAT = 1  # in SQLite's user_version
CACHE_KIB = 64 * 1024
WATCH_SUFFIX = ".watch"

_TABLES = """
CREATE TABLE documents (id BLOB PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    path TEXT PRIMARY KEY, day TEXT NOT NULL, rows INTEGER NOT NULL, sha256 TEXT NOT NULL,
    refresh TEXT NOT NULL
);
CREATE INDEX files_by_day ON files (day);
CREATE TABLE quarantine (
    id BLOB PRIMARY KEY, source TEXT NOT NULL, offset INTEGER NOT NULL, reason TEXT NOT NULL, bytes BLOB NOT NULL,
    refresh TEXT NOT NULL
);
CREATE TABLE refreshes (
    id TEXT PRIMARY KEY, started REAL NOT NULL, finished REAL NOT NULL, model TEXT NOT NULL, found INTEGER NOT NULL,
    scored INTEGER NOT NULL, duplicates INTEGER NOT NULL, quarantined INTEGER NOT NULL
);
CREATE TABLE counts (
    series TEXT, day TEXT, documents INTEGER NOT NULL, negative INTEGER NOT NULL, negative_millionths INTEGER NOT NULL,
    PRIMARY KEY (series, day)
) WITHOUT ROWID;
CREATE TABLE histograms (
    feature TEXT, day TEXT, bin INTEGER, documents INTEGER NOT NULL, PRIMARY KEY (feature, day, bin)
) WITHOUT ROWID;
CREATE TABLE models (model TEXT, day TEXT, documents INTEGER NOT NULL, PRIMARY KEY (model, day)) WITHOUT ROWID;
CREATE TABLE labels (name TEXT PRIMARY KEY, bin INTEGER NOT NULL UNIQUE);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE watermarks (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, good INTEGER NOT NULL, quarantined INTEGER NOT NULL
);
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, series TEXT NOT NULL, severity TEXT NOT NULL, window_start TEXT NOT NULL,
    window_end TEXT NOT NULL, payload TEXT NOT NULL, created REAL NOT NULL
);
CREATE INDEX alerts_by_series ON alerts (series, kind, severity);
CREATE TABLE deliveries (
    alert TEXT REFERENCES alerts (id), channel TEXT, attempts INTEGER NOT NULL, next_try REAL NOT NULL, delivered REAL,
    error TEXT, PRIMARY KEY (alert, channel)
);
"""
_ALERT_COLUMNS = "id, kind, series, severity, window_start, window_end, payload, created"


class Delivery(NamedTuple):
    """An alert that a channel has not taken yet, how often it was tried, and the last error."""

    alert: Alert
    channel: str
    attempts: int
    error: str | None = None


class MonitorState:
    """One monitor's memory; `open` it to write (one process at a time), `read` it to look."""

    def __init__(self, folder: Path, db: sqlite3.Connection) -> None:
        self.folder = folder
        self.name = folder.name
        self.db = db
        self._transaction: Transaction | None = None
        self._stories = has_tables(db)  # false of a monitor of an earlier version that is only looked at

    @classmethod
    @contextlib.contextmanager
    def open(cls, data_root: Path, name: str, *, wait: bool = True) -> Iterator[Self]:
        """Hold the monitor's lock and its database, made at first use; waits for another refresh of the same monitor.

        RequestError: the name cannot be a folder's, or this program cannot read the state. BlockingIOError: without `wait`,
        while another process has it open.
        """
        folder = monitor_folder(data_root, name)
        _refuse_alike(folder)
        for place in (folder.parent, folder, folder / "documents"):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)  # `parents` are made without the mode
        waits = functools.partial(log.warning, "waiting for another refresh of %s", folder.name)
        with locked(folder / "lock", wait=wait, waiting=waits), _connected(folder, read_only=False) as db:
            yield cls(folder, db)

    @classmethod
    @contextlib.contextmanager
    def read(cls, data_root: Path, name: str) -> Iterator[Self]:
        """Look at the last committed refresh without a lock; RequestError if there is no such monitor."""
        folder = monitor_folder(data_root, name)
        if not (folder / "state.db").is_file():
            raise RequestError(f"{folder}: no monitor {name!r} here; textmill refresh makes one")
        with _connected(folder, read_only=True) as db:
            yield cls(folder, db)

    @contextlib.contextmanager
    def refresh(self, *, model: str = "", labels: Sequence[str] = (), negative: str = "negative") -> Iterator[Transaction]:
        """One refresh: all of it is committed when the block ends, none of it if the block raises.

        `model` is NAME/VERSION, `labels` are its classes, `negative` the one that is counted; RequestError if this monitor has
        counted another one so far.
        """
        sweep_parts(self.folder / "documents", (path for (path,) in self.db.execute("SELECT path FROM files")))
        crash_point("monitor.swept")
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self._keep_negative(negative)
            transaction = Transaction(self.db, self.folder, refresh_id=uuid.uuid4().hex, negative=negative)
            transaction.number_labels(labels)
            self._transaction = transaction
            started = time.time()
            yield transaction
            transaction.flush()
            transaction.compact()
            row = (transaction.id, started, time.time(), model, *transaction.figures().values())
            self.db.execute("INSERT INTO refreshes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            crash_point("monitor.uncommitted")
            self.db.execute("COMMIT")
            crash_point("monitor.committed")
        except BaseException:
            if self.db.in_transaction:  # a full disk ends it too
                self.db.execute("ROLLBACK")
            raise
        finally:
            self._transaction = None

    def counts(self, series: str | None = None, *, stories: bool = False) -> pa.Table:
        """The aggregates (COUNTS_SCHEMA) of one series or of all, by series and day; of an open refresh too.

        With `stories` near-copies count once, on the day of the first; days and series without a story are left out.
        """
        query = COUNTS_OF_STORIES if stories and self._stories else "SELECT * FROM counts"
        where, values = ("WHERE series = ?", (series,)) if series is not None else ("", ())
        rows = self.db.execute(f"SELECT * FROM ({query}) {where} ORDER BY series, day", values)  # noqa: S608 no value in it
        return _table(rows, COUNTS_SCHEMA)

    def totals(self, first: str, last: str, *, stories: bool = False) -> list[tuple[str, int, float]]:
        """Documents of each series from one day to another, and the sum of their probabilities of the negative label."""
        query = COUNTS_OF_STORIES if stories and self._stories else "SELECT * FROM counts"
        rows = self.db.execute(f"SELECT * FROM ({query}) WHERE day BETWEEN ? AND ?", (first, last))  # noqa: S608 no value in it
        sums: dict[str, tuple[int, int]] = {}
        for series, _, documents, _, millionths in rows:
            number, mass = sums.get(series, (0, 0))
            sums[series] = number + documents, mass + millionths
        return [(series, number, mass / 1e6) for series, (number, mass) in sorted(sums.items())]

    def copies(self, days: Collection[str]) -> set[bytes]:
        """The ids of the documents of these days that are copies of an earlier one."""
        return copies_of_days(self.db, days) if self._stories else set()

    def first_of(self, ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """For those of some documents that are copies, the id of the first document of their story."""
        return first_of(self.db, ids) if self._stories else {}

    def stories_of(self, ids: Sequence[bytes], until: str | None = None) -> dict[bytes, Story]:
        """The stories of those of some documents that have copies or are copies, as they were on the day `until`."""
        return stories_of(self.db, ids, until) if self._stories else {}

    def most_copied(self, days: Collection[str], limit: int) -> list[bytes]:
        """The ids of the first documents of the stories that have most copies on these days, at most `limit`."""
        return most_copied(self.db, days, limit) if self._stories else []

    def days(self) -> list[str]:
        """The days that have a document; of an open refresh too."""
        if self._transaction is not None:
            self._transaction.flush()
        return [day for (day,) in self.db.execute("SELECT DISTINCT day FROM files ORDER BY day")]

    def touched_days(self) -> set[str]:
        """The days to which the open refresh has added documents; none without one."""
        if self._transaction is None:
            return set()
        self._transaction.flush()
        return set(self._transaction.days)

    def histograms(self) -> pa.Table:
        """The histograms (HISTOGRAMS_SCHEMA) of the stream by feature, day and bin; `labels()` names the bins of `label`."""
        return _table(self.db.execute("SELECT * FROM histograms ORDER BY feature, day, bin"), HISTOGRAMS_SCHEMA)

    def labels(self) -> list[str]:
        """The classes, by their bin of the feature `label`."""
        return [name for (name,) in self.db.execute("SELECT name FROM labels ORDER BY bin")]

    def models(self) -> pa.Table:
        """How many documents of each day each model version scored: columns model, day, documents, by model and day."""
        schema = pa.schema([("model", pa.string()), ("day", pa.string()), ("documents", pa.int64())])
        return _table(self.db.execute("SELECT * FROM models ORDER BY model, day"), schema)

    def days_of(self, model: str) -> list[str]:
        """The days whose documents this model version (NAME/VERSION) alone scored."""
        rows = self.db.execute(
            "SELECT day FROM models GROUP BY day HAVING count(*) = 1 AND min(model) = ? ORDER BY day", (model,)
        )
        return [day for (day,) in rows]

    def negative(self) -> str | None:
        """The label that this monitor counts; None before its first refresh."""
        return self.setting("negative")

    def setting(self, key: str) -> str | None:
        """The text that `Transaction.keep` or `keep_setting` kept under a key; None if there is no such text."""
        row = self.db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def keep_setting(self, key: str, value: str) -> None:
        """Keep a short text under a key, in place of the one before."""
        with self.writing():
            self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Changes that count together or not at all; within another such block, or an open refresh, they are part of that."""
        if self._transaction is not None or self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk ends it too
                self.db.execute("ROLLBACK")
            raise

    def num_scored(self) -> int:
        """How many documents all committed refreshes scored."""
        (number,) = self.db.execute("SELECT coalesce(sum(scored), 0) FROM refreshes").fetchone()
        return int(number)

    def series(self) -> set[str]:
        """The series that have a document."""
        return {name for (name,) in self.db.execute("SELECT DISTINCT series FROM counts")}

    def refreshes(self) -> list[dict[str, Any]]:
        """The committed refreshes, oldest first: id, started, finished, model, found, scored, duplicates, quarantined."""
        return self._dicts("SELECT * FROM refreshes ORDER BY started, id")

    def quarantined(self) -> list[dict[str, Any]]:
        """The records that could not be read, each once: source, offset, reason, bytes."""
        return self._dicts("SELECT source, offset, reason, bytes FROM quarantine ORDER BY source, offset, id")

    def refused(self, since: float, until: float) -> dict[str, int]:
        """How many records the refreshes from one time to another (seconds since 1970) put in quarantine, by reason."""
        rows = self.db.execute(
            "SELECT reason, count(*) FROM quarantine JOIN refreshes ON refreshes.id = quarantine.refresh "
            "WHERE started >= ? AND started < ? GROUP BY reason ORDER BY count(*) DESC, reason",
            (since, until),
        )
        return dict(rows.fetchall())

    def documents(
        self, days: Collection[str] | None = None, columns: Sequence[str] | None = None, *, newest_first: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The scored documents (SCORED_SCHEMA, or some of its columns) of these days or of all, by day, every byte verified.

        An open refresh sees its own documents. UnavailableError names a file that is damaged.
        """
        if self._transaction is not None:
            self._transaction.flush()
        order = "DESC" if newest_first else "ASC"
        named = sorted(days or ())
        where = "" if days is None else f"WHERE day IN ({','.join('?' * len(named))})"
        query = f"SELECT path, day, rows, sha256 FROM files {where} ORDER BY day {order}, path"  # noqa: S608 no value in it
        for part in [Part(*row) for row in self.db.execute(query, named)]:
            yield from read_part(self.folder / "documents", part, columns).to_batches()

    def latest(self, limit: int, *, label: str | None = None) -> pa.Table:
        """The newest documents (SCORED_SCHEMA), newest first, one of each story.

        If a `label` is given, only those that have it, or have it towards one of their names.
        """
        order = [("time", "descending"), ("id", "ascending")]
        days = None if label is None or label != self.negative() else self._latest_negative_days(limit)
        held, day = SCORED_SCHEMA.empty_table(), None
        for batch in self.documents(days, newest_first=True):
            if day is not None and batch.column("day")[0].as_py() != day and held.num_rows >= limit:
                break  # every other document is older
            day = batch.column("day")[0].as_py()
            rows = batch if label is None else batch.filter(has_label(batch, label))
            held = pa.concat_tables([held, pa.Table.from_batches([rows], SCORED_SCHEMA)]).sort_by(order)
            held = self.one_of_each_story(held).slice(0, limit)
        return held.combine_chunks()

    def one_of_each_story(self, documents: pa.Table) -> pa.Table:
        """The first row of each story among some documents, which have a column `id`."""
        ids = documents.column("id").to_pylist()
        firsts = self.first_of(ids)
        if not firsts:
            return documents
        shown: dict[bytes, int] = {}
        for row, identity in enumerate(ids):
            shown.setdefault(firsts.get(identity, identity), row)
        return documents.take(pa.array(sorted(shown.values()), pa.int64()))

    def alerts(self) -> list[Alert]:
        """All alerts that were stored, by the end of their window."""
        rows = self.db.execute(f"SELECT {_ALERT_COLUMNS} FROM alerts ORDER BY window_end, kind, series, severity")  # noqa: S608
        return [Alert.from_row(*row, monitor=self.name) for row in rows]

    def is_stored(self, kind: str, series: str, severity: Severity, window_end: str, *, cooldown_days: int) -> bool:
        """Whether an alert of the same is stored that ends on the day `window_end`, or less than `cooldown_days` from it."""
        near = self.db.execute(
            "SELECT 1 FROM alerts WHERE kind = ? AND series = ? AND severity = ? "
            "AND (window_end = ? OR abs(julianday(window_end) - julianday(?)) < ?)",
            (kind, series, severity, window_end, window_end, cooldown_days),
        )
        return near.fetchone() is not None

    def store_alerts(self, alerts: Sequence[Alert], *, cooldown_days: int, channels: Sequence[str] = ()) -> list[Alert]:
        """Store the alerts that are new, each with the channels it goes to; return those that were stored.

        An alert is new unless `is_stored` says otherwise: late documents may move a surge by a day. One of a muted series goes
        to no channel; what it starts is started. Outside of a refresh this is a transaction of its own.
        """
        with self.writing():
            stored = [
                alert
                for alert in sorted(alerts, key=lambda a: (a.window_end, a.id))
                if self._store(alert, cooldown_days, channels)
            ]
            crash_point("monitor.alerts_stored")
            return stored

    def outbox(self, channels: Sequence[str], now: float) -> list[Delivery]:
        """The deliveries of these channels that are due by `now` (seconds since 1970), oldest first."""
        columns = ", ".join(f"alerts.{name}" for name in _ALERT_COLUMNS.split(", "))
        rows = self.db.execute(
            f"SELECT {columns}, channel, attempts, error FROM deliveries JOIN alerts ON alerts.id = alert "  # noqa: S608
            "WHERE delivered IS NULL AND next_try <= ? ORDER BY created, window_end, alerts.id, channel",
            (now,),
        )
        return [Delivery(Alert.from_row(*row[:-3], monitor=self.name), *row[-3:]) for row in rows if row[-3] in channels]

    def delivered(self, alert: str, channel: str, now: float) -> None:
        """Write down that a channel has taken an alert."""
        with self.writing():
            self.db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, delivered = ?, error = NULL WHERE alert = ? AND channel = ?",
                (now, alert, channel),
            )

    def failed(self, alert: str, channel: str, error: str, next_try: float) -> None:
        """Write down that a channel did not take an alert, why, and when to try again. `error` must hold no secret."""
        with self.writing():
            self.db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, next_try = ?, error = ? WHERE alert = ? AND channel = ?",
                (next_try, error, alert, channel),
            )

    def also_to(self, alert: str, channels: Iterable[str]) -> None:
        """Send a stored alert to these channels too; one that it was meant for already is left as it is."""
        with self.writing():
            self.db.executemany(
                "INSERT OR IGNORE INTO deliveries VALUES (?, ?, 0, 0, NULL, NULL)", [(alert, channel) for channel in channels]
            )

    def withdraw(self, alert: str) -> bool:
        """Send an alert to no channel that has not taken it yet; what it starts is started. Whether it waited for any."""
        with self.writing():
            done = self.db.execute(
                "DELETE FROM deliveries WHERE alert = ? AND delivered IS NULL AND channel NOT LIKE ?", (alert, f"{DEPLOYMENT}%")
            )
            return done.rowcount > 0

    def mark_channel(self, channel: str, error: str | None) -> None:
        """Write down why the deliveries of a channel wait (None: no reason); they may be sent at once."""
        with self.writing():
            self.db.execute(
                "UPDATE deliveries SET error = ?, next_try = 0 WHERE channel = ? AND delivered IS NULL", (error, channel)
            )

    def waiting(self) -> list[dict[str, Any]]:
        """The deliveries that are not done, oldest first: alert, channel, attempts, error, created (seconds since 1970)."""
        return self._dicts(
            "SELECT alert, channel, attempts, error, created FROM deliveries JOIN alerts ON alerts.id = alert "
            "WHERE delivered IS NULL ORDER BY created, alert, channel"
        )

    def deliveries(self) -> list[dict[str, Any]]:
        """The outbox and its past: alert, channel, attempts, next_try, delivered, error."""
        return self._dicts("SELECT * FROM deliveries ORDER BY alert, channel")

    def _latest_negative_days(self, limit: int) -> set[str]:
        """The newest days that hold `limit` negative documents: where these are rare, reading all days takes minutes."""
        days, num_negative = set[str](), 0
        own = f"series = '{ALL}' OR series GLOB '{NAME}*'"  # a document may be negative towards a name alone
        most = "SELECT day, max(negative) FROM ({}) WHERE negative > 0 AND ({}) GROUP BY day ORDER BY day DESC"
        stories = dict(self.db.execute(most.format(COUNTS_OF_STORIES if self._stories else "SELECT * FROM counts", own)))
        for day, _ in self.db.execute(most.format("SELECT * FROM counts", own)):
            if num_negative >= limit:
                break
            days.add(day)
            num_negative += stories.get(day, 0)
        return days

    def _store(self, alert: Alert, cooldown_days: int, channels: Sequence[str]) -> bool:
        if self.is_stored(alert.kind, alert.series, alert.severity, alert.window_end, cooldown_days=cooldown_days):
            return False
        if read_known(self.setting).muted(alert.series, alert.created):
            channels = [channel for channel in channels if channel.startswith(DEPLOYMENT)]
        row = (alert.id, alert.kind, alert.series, alert.severity, alert.window_start, alert.window_end)
        self.db.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, alert.payload(), alert.created))
        self.db.executemany(
            "INSERT INTO deliveries VALUES (?, ?, 0, 0, NULL, NULL)", [(alert.id, channel) for channel in channels]
        )
        return True

    def _keep_negative(self, negative: str) -> None:
        known = self.negative()
        if known is not None and known != negative:
            raise RequestError(
                f"monitor {self.name} has counted label {known!r} so far, not {negative!r}; give another --collect.name"
            )
        self.db.execute("INSERT OR IGNORE INTO settings VALUES ('negative', ?)", (negative,))

    def _dicts(self, query: str) -> list[dict[str, Any]]:
        rows = self.db.execute(query)
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows]


def watch_name(monitor: str) -> str:
    """The name of the state that a monitor's watchdog keeps: one of its own, which no hanging refresh can lock.

    RequestError: the monitor's name is that of another one's watchdog, or leaves no room for its own.
    """
    name = f"{monitor}{WATCH_SUFFIX}"
    if monitor.endswith(WATCH_SUFFIX) or not is_name(name):
        raise RequestError(
            f"--collect.name {monitor}: its watchdog is called {name}; "
            f"give at most {MAX_CHARS - len(WATCH_SUFFIX)} characters that do not end in {WATCH_SUFFIX}"
        )
    return name


def monitor_folder(data_root: Path, name: str) -> Path:
    """The folder of a monitor's state; RequestError if the name cannot be a folder's."""
    if not is_name(name):
        raise RequestError(f"{name!r} is not a valid name for a monitor; {RULE}")
    return data_root / "monitor" / name


def monitor_names(data_root: Path) -> list[str]:
    """The monitors of a data root, without their watchdogs' states."""
    found = sorted(path.parent.name for path in (data_root / "monitor").glob("*/state.db"))
    return [name for name in found if not name.endswith(WATCH_SUFFIX)]


def _refuse_alike(folder: Path) -> None:
    """RequestError where a monitor that is yet to be made would share a folder with another, on disks that know no capitals."""
    others = [] if folder.exists() or not folder.parent.is_dir() else sorted(path.name for path in folder.parent.iterdir())
    for other in others:
        if alike(other, folder.name):
            raise RequestError(
                f"monitor {folder.name}: there is {other}, which differs from it only in capitals; give --collect.name {other} "
                "to go on with that one, or another name"
            )


def _table(rows: sqlite3.Cursor, schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)], schema=schema)


@contextlib.contextmanager
def _connected(folder: Path, *, read_only: bool) -> Iterator[sqlite3.Connection]:
    path = folder / "state.db"
    try:
        if not read_only:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite would make it readable by all
        mode = "ro" if read_only else "rw"
        with contextlib.ExitStack() as stack:
            address = f"{path.absolute().as_uri()}?mode={mode}"
            if read_only and not writable(folder):
                address = stack.enter_context(_still(path))
            db = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)))
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            db.execute("PRAGMA foreign_keys = ON")
            _check_format(path, db, read_only=read_only)
            yield db
    except sqlite3.DatabaseError as error:
        if is_held(error) or is_forbidden(error):
            raise UnavailableError(f"{path}: {error}; {remedy(path, error)}") from error
        raise UnavailableError(
            f"{path}: {error}; if it is damaged, restore it from a backup, or move {folder} away and refresh from the sources"
        ) from error


@contextlib.contextmanager
def _still(path: Path) -> Iterator[str]:
    """The URI of a database in a folder that cannot be written, where SQLite could not make the files it reads with."""
    log_file = path.with_name(f"{path.name}-wal")
    if not (log_file.exists() and log_file.stat().st_size):
        yield f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return
    with tempfile.TemporaryDirectory(prefix="textmill-") as folder:  # the log may hold what the database does not yet
        for file in (path, log_file):
            shutil.copyfile(file, Path(folder) / file.name)
        yield f"{(Path(folder) / path.name).as_uri()}?mode=rw"


def _check_format(path: Path, db: sqlite3.Connection, *, read_only: bool) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0 and not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {STORY_TABLES} {FORGOTTEN_TABLE} PRAGMA user_version = {FORMAT}; COMMIT;")
        crash_point("monitor.made")
    elif version != FORMAT:
        raise RequestError(f"{path} has format {version}, this program reads {FORMAT}; use the textmill that wrote it")
    elif not read_only:
        make_tables(db)  # those that an earlier version did not have
