"""Open an MLflow store: a SQLite file of a schema that we know without importing MLflow, any other through MLflow."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tasks.tracking.client import open_client, refuse_locked_out
from tasks.tracking.places import Places, bring_home, find_places
from tasks.tracking.runs import MlflowRuns, Runs
from tasks.tracking.sqlite_reader import SqliteReader
from tasks.tracking.sqlite_runs import SqliteRuns

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

    from tasks.tracking.home import TrackingHome


@dataclass(frozen=True)
class OpenStore:
    """An open store: its runs, what reads its registered models, where its files are, and MLflow's client on demand."""

    runs: Runs
    models: MlflowClient | SqliteReader
    places: Places
    client: Callable[[], MlflowClient]


def open_known(home: TrackingHome, *, to_read: bool = False) -> OpenStore | None:
    """Open a SQLite file without MLflow; None if there is none, if its schema is unknown here, or if it cannot be read.

    RequestError if this user may not read, or without `to_read` not write it. What is to be written is brought home first.
    """
    if home.database is None or not home.database.exists():
        return None
    refuse_locked_out(home.database, to_read=to_read)
    reader = SqliteReader.open(home.database)
    if reader is None:
        return None
    try:
        places = find_places(home, reader)
    except sqlite3.Error:  # damaged, or held by another program: whoever opens it through MLflow says so
        return None
    if not to_read:
        places = bring_home(home, places)
    return OpenStore(SqliteRuns(home.database, places), reader, places, cache(lambda: open_client(home, to_read=to_read)))


def open_any(home: TrackingHome, *, to_read: bool = False) -> OpenStore:
    """Open a store through MLflow, which makes it if it is missing; the errors are those of `open_client`."""
    client = open_client(home, to_read=to_read)
    places = find_places(home, client)
    if not to_read:
        places = bring_home(home, places)
    return OpenStore(MlflowRuns(home, client, places), client, places, lambda: client)
