"""Record runs in MLflow's SQLite file without MLflow, whose import takes longer than a run that finds every step cached.

Only a file whose schema is one of sqlite_reader.SCHEMAS is written here. The rows are those that MLflow's SqlAlchemyStore
writes, and a test compares every table. Registered models are left to MLflow.
"""

from __future__ import annotations

import contextlib
import math
import posixpath
import re
import shutil
import sqlite3
import sys
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.durable import replaced
from tasks.tracking.client import send_files
from tasks.tracking.home import sqlite_uri
from tasks.tracking.places import below, is_local, local_path
from tasks.tracking.runs import FoundExperiment
from tasks.tracking.sqlite_reader import WAIT_SECONDS, WORKSPACE, MissingError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.tracking.places import Places

NAME = re.compile(r"[/\w.\- :]*")  # of a parameter, a metric or a tag
MAX_NAME, MAX_TAG = 250, 8000  # characters; a longer name is refused, a longer tag is cut
RUN_NAME = "mlflow.runName"
CONTEXT = "mlflow.data.context"


class SqliteRuns:
    """Runs in a SQLite file of a known schema. Every call is one transaction of a connection of its own."""

    def __init__(self, database: Path, places: Places) -> None:
        self._database = database
        self._places = places

    def experiment(self, name: str) -> FoundExperiment | None:
        """The experiment of a name, deleted ones too."""
        with self._opened() as database:
            row = database.execute(
                "SELECT experiment_id, lifecycle_stage FROM experiments WHERE workspace = ? AND name = ?", (WORKSPACE, name)
            ).fetchone()
        return None if row is None else FoundExperiment(str(row[0]), row[1] == "active")

    def start(self, experiment_id: str, name: str, tags: Mapping[str, str], time: int) -> str:
        """Create a run that began at `time`, in milliseconds since 1970; its id. Its experiment must be active."""
        _check(tags)
        run_id = uuid.uuid4().hex
        with self._changing() as database:
            active = "SELECT artifact_location FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'"
            row = database.execute(active, (experiment_id,)).fetchone()
            if row is None:
                raise MissingError(f"no active experiment has the id {experiment_id}")
            place = below(row[0], f"{run_id}/artifacts")
            database.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, "
                "source_version, lifecycle_stage, artifact_uri, experiment_id) "
                "VALUES (?, ?, 'UNKNOWN', '', '', 'unknown', 'RUNNING', ?, '', 'active', ?, ?)",
                (run_id, name, time, place, int(experiment_id)),
            )
            _set_tags(database, run_id, {**tags, RUN_NAME: name})
        return run_id

    def log_params(self, run_id: str, params: Sequence[tuple[str, str]]) -> None:
        """Record parameters; RefusedError if one has another value already."""
        _check(name for name, _ in params)
        with self._changing(run_id) as database:
            known = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run_id,)).fetchall())
            for name, value in params:
                if known.setdefault(name, value) != value:
                    raise RefusedError(f"parameter {name} is {known[name]!r} already and cannot become {value!r}")
            rows = [(name, value, run_id) for name, value in params]
            database.executemany("INSERT OR IGNORE INTO params (key, value, run_uuid) VALUES (?, ?, ?)", rows)

    def log_metrics(self, run_id: str, metrics: Sequence[tuple[str, float]], step: int, time: int) -> None:
        """Record metrics at a step number; what is not a number is kept as MLflow keeps it."""
        _check(name for name, _ in metrics)
        rows = [(name, *_stored(value), time, step, run_id) for name, value in metrics]
        with self._changing(run_id) as database:
            database.executemany(
                "INSERT OR IGNORE INTO metrics (key, value, is_nan, timestamp, step, run_uuid) VALUES (?, ?, ?, ?, ?, ?)", rows
            )
            database.executemany(
                "INSERT INTO latest_metrics (key, value, is_nan, timestamp, step, run_uuid) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key, run_uuid) DO UPDATE SET "
                "value = excluded.value, is_nan = excluded.is_nan, timestamp = excluded.timestamp, step = excluded.step "
                "WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)",
                rows,
            )

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags, in place of those of the same names."""
        _check(tags)
        with self._changing(run_id) as database:
            _set_tags(database, run_id, tags)

    def log_dataset(self, run_id: str, name: str, source: str, digest: str, context: str) -> None:
        """Name a dataset that the run used; one of the same name and digest is in the experiment once."""
        with self._changing(run_id) as database:
            (experiment,) = database.execute("SELECT experiment_id FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
            database.execute(
                "INSERT OR IGNORE INTO datasets "
                "(dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source) "
                "VALUES (?, ?, ?, ?, 'local', ?)",
                (uuid.uuid4().hex, experiment, name, digest, source),
            )
            known = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
            (dataset,) = database.execute(known, (experiment, name, digest)).fetchone()
            used = uuid.uuid4().hex
            made = database.execute(
                "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) "
                "VALUES (?, 'DATASET', ?, 'RUN', ?)",
                (used, dataset, run_id),
            ).rowcount
            if made:
                database.execute("INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)", (used, CONTEXT, context))

    def log_files(self, run_id: str, path: Path, to: str | None) -> None:
        """Copy a file, or all files of a folder, to a folder of the run's files."""
        with self._opened() as database:
            row = database.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
        if row is None:
            raise MissingError(f"no run has the id {run_id}")
        place = self._places.here(row[0], to_write=True)
        if not is_local(place):
            send_files(path, place, to, sqlite_uri(self._database))
            return
        folder = local_path(place) / to if to else local_path(place)
        for source in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if source.is_file():
                target = folder / source.relative_to(path if path.is_dir() else path.parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                with replaced(target) as partial:
                    shutil.copyfile(source, partial)

    def finish(self, run_id: str, status: str, time: int) -> None:
        """End a run."""
        with self._changing(run_id) as database:
            database.execute("UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", (status, time, run_id))

    def find(self, experiment_id: str, tags: Mapping[str, str], *, running: bool = False, limit: int = 1000) -> list[str]:
        """Ids of the runs that have all these tags, the newest first; only those without an end if `running`."""
        wanted = "SELECT run_uuid FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active'"
        if running:
            wanted += " AND status = 'RUNNING'"
        wanted += " AND EXISTS (SELECT 1 FROM tags WHERE run_uuid = runs.run_uuid AND key = ? AND value = ?)" * len(tags)
        values = (int(experiment_id), *(part for tag in tags.items() for part in tag), limit)
        with self._opened() as database:
            rows = database.execute(wanted + " ORDER BY start_time DESC, run_uuid LIMIT ?", values).fetchall()
        return [run_id for (run_id,) in rows]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection; the file must exist, and is not made. RefusedError for a text that no database can keep."""
        place = f"file:{quote(str(self._database))}?mode=rw"
        connection = sqlite3.connect(place, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("PRAGMA foreign_keys = ON")
            try:
                yield connection
            except UnicodeEncodeError as error:  # half a surrogate pair, as in the name of a file that is not UTF-8
                raise RefusedError(f"a text cannot be kept: {error}") from error

    @contextlib.contextmanager
    def _changing(self, run_id: str | None = None) -> Iterator[sqlite3.Connection]:
        """A transaction, written whole or not at all; MissingError if the run that it is about does not exist any more."""
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                active = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
                if run_id is not None and not database.execute(active, (run_id,)).fetchone():
                    raise MissingError(f"no active run has the id {run_id}")
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")


def _set_tags(database: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    rows = [(name, value[:MAX_TAG], run_id) for name, value in tags.items()]
    database.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) "
        "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        rows,
    )


def _check(names: Iterable[str]) -> None:
    """RefusedError for a name that MLflow refuses."""
    for name in names:
        path = posixpath.normpath(name)
        if not NAME.fullmatch(name) or len(name) > MAX_NAME or path != name or path.startswith(("..", "/")) or path == ".":
            raise RefusedError(f"MLflow takes no name such as {name[:MAX_NAME]!r}")


def _stored(value: float) -> tuple[float, bool]:
    """A metric's value in its table, and whether it stands for what is not a number."""
    if math.isnan(value):
        return 0.0, True
    return max(-sys.float_info.max, min(value, sys.float_info.max)), False
