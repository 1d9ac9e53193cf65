"""Where runs and models are recorded, and the lock that keeps two processes from doing the same thing at once.

Without a server everything is in one folder:

    mlflow.db       runs, metrics, registered models (SQLite)
    artifacts/      reports and models
    ledger.jsonl    every decision about a champion
    decisions/      copies of those that are in a bucket, which hosts share
    *.lock          one for the database's first migration, one per registered model
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlparse

from tasks.durable import locked
from tasks.errors import RequestError
from tasks.tracking.kept import FOLDER, Kept, read_kept
from tasks.urls import REFERENCE, holds_password
from tasks.writable import writable

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "mlflow.db"
LEDGER = "ledger.jsonl"
DECISIONS = "decisions"
LEASE_SECONDS = 30.0
URI_VARIABLE = "MLFLOW_TRACKING_URI"
TRACKING_REMEDY = (
    "give a server's as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, PostgreSQL's as PGPASSWORD or in ~/.pgpass"
)


@dataclass(frozen=True)
class TrackingHome:
    """One MLflow store: its URI, and the folder of the files that textmill keeps beside it.

    `database` is the SQLite file, if it is one. A server keeps artifacts itself; any other store gets `artifacts`. `bucket` is
    the address of what hosts share, if they do: a registry of several hosts has its decisions there. `lease_seconds` is how
    long a host that decides and says nothing is waited for. `ours` is true for the server of `textmill up` that keeps what it
    has outside of the data root.
    """

    uri: str
    folder: Path
    database: Path | None
    bucket: str | None = None
    lease_seconds: float = LEASE_SECONDS
    ours: bool = False

    @property
    def is_server(self) -> bool:
        """Whether the store is reached over HTTP."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def artifacts(self) -> Path | None:
        """Folder of runs' and models' files; None where a server decides."""
        return None if self.is_server else self.folder / "artifacts"

    @property
    def ledger(self) -> Path:
        """The file of this machine's decisions."""
        return self.folder / LEDGER

    def copies_of_decisions(self, name: str, created: int) -> Path:
        """The file of this machine's copies of decisions about a model that are in a bucket."""
        return self.folder / DECISIONS / f"{name}-{created}.json"

    @contextlib.contextmanager
    def locked(self, name: str, *, to_read: bool = False) -> Iterator[None]:
        """Hold `<name>.lock` of this folder; it ends with the process, however that ends.

        Readers go without it where the folder is read-only: on a disk or in a folder that is read-only.
        """
        if to_read and not writable(self.folder / f"{name}.lock"):
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / f"{name}.lock"):
            yield


def tracking_home(tracking_uri: str | None, data_root: Path, checkout: Path) -> TrackingHome:
    """Find the store: the URI given, else MLFLOW_TRACKING_URI, else the server of `textmill up`, else a SQLite file.

    The file is the checkout's own `mlflow/mlflow.db` while the data root is the checkout's `data`, and otherwise
    `<data root>/mlflow/mlflow.db`. The server is asked where it keeps runs or files outside of the data root. RequestError for
    a URI with a password or a reference (it is not resolved there), or of a kind that MLflow 3 has no store for.
    """
    data_root, checkout = data_root.absolute(), checkout.absolute()
    uri = tracking_uri or os.environ.get(URI_VARIABLE)
    if (kept := _kept(data_root)).elsewhere and (uri or kept.mlflow).rstrip("/") == kept.mlflow:
        return TrackingHome(kept.mlflow, data_root / "mlflow" / FOLDER, None, ours=True)
    if not uri:
        return files_home(data_root, checkout)
    scheme = urlparse(uri).scheme
    if holds_password(uri):
        raise RequestError(f"the tracking URI holds a password, which would be stored with runs and in logs; {TRACKING_REMEDY}")
    if reference := REFERENCE.search(uri):
        raise RequestError(
            f"the tracking URI holds {reference[0]}, which is not replaced there; write its value, or for a password "
            + TRACKING_REMEDY
        )
    if scheme == "sqlite":
        return _sqlite_home(database_path(uri))
    if scheme in ("http", "https"):
        return TrackingHome(uri.rstrip("/"), data_root / "mlflow", None)
    if scheme.partition("+")[0] in ("postgresql", "mysql", "mssql"):
        return TrackingHome(uri, data_root / "mlflow", None)
    raise RequestError(f"tracking URI {uri!r} is not a store of MLflow 3; give http://HOST:PORT or sqlite:///PATH/mlflow.db")


def files_home(data_root: Path, checkout: Path) -> TrackingHome:
    """The SQLite file of a data root, and the folder of the files beside it, whatever its servers use."""
    data_root, checkout = data_root.absolute(), checkout.absolute()
    beside = checkout if data_root == checkout / "data" else data_root
    return _sqlite_home(beside / "mlflow" / DATABASE)


def _kept(data_root: Path) -> Kept:
    try:
        return read_kept(data_root)
    except ValueError as error:
        raise RequestError(str(error)) from None


def _sqlite_home(database: Path) -> TrackingHome:
    return TrackingHome(sqlite_uri(database), database.parent, database)


def sqlite_uri(database: Path) -> str:
    """The URI of a SQLite file, given its absolute path.

    SQLAlchemy 2.0 takes the path as it is, whatever letters it has, up to a `?`. One with a `?` goes to SQLite in URI form.
    """
    path = str(database)
    return f"sqlite:///file:{quote(path)}?uri=true" if "?" in path else f"sqlite:///{path}"


def database_path(uri: str) -> Path:
    """The file of a SQLite URI; RequestError if it names none. A `%20` counts as a blank where only that file is there."""
    path, _, _ = uri.removeprefix("sqlite:///").partition("?")
    if not uri.startswith("sqlite:///") or path in ("", ":memory:", "file::memory:"):
        raise RequestError(f"tracking URI {uri!r} names no file; give sqlite:///PATH/mlflow.db")
    if path.startswith("file:"):
        return Path(unquote(path.removeprefix("file:"))).absolute()
    literal, decoded = Path(path).absolute(), Path(unquote(path)).absolute()
    return decoded if not literal.parent.exists() and decoded.parent.exists() else literal
