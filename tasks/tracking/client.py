"""Import MLflow quietly and open its client so that no call can hang for minutes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import sqlite3
import sys
import warnings
from typing import TYPE_CHECKING

from tasks.durable import PRIVATE, replaced
from tasks.errors import RequestError, UnavailableError
from tasks.in_use import WAIT, is_forbidden, is_held
from tasks.shown import one_line
from tasks.template import copied_or_made, template_of
from tasks.tracking.home import sqlite_uri
from tasks.tracking.sqlite_reader import MissingError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow import MlflowClient

    from tasks.tracking.home import TrackingHome

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
# Read by MLflow at import or at each call; a value that the user sets is kept. Its own values try a dead server for 4 minutes.
ENVIRONMENT = {
    RETRIES: "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for results
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",  # it would copy a lock file of the current folder into the model
}

LOUDEST = {
    "mlflow": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,  # it writes the traceback of each error that it raises, which we tell in a line
    "alembic": logging.WARNING,
    "urllib3.connectionpool": logging.ERROR,
}

TRANSIENT = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED"})

MISTAKEN = "sqlite:///file:"  # which MLflow takes for a relative path
SERVER_FILE = "server.json"  # where the server that `textmill up` started answers, and its login
LOGIN_VARIABLES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH")
_logged_in: dict[str, str] = {}  # the logins that `log_in` has put into this process' environment


def import_mlflow() -> None:
    """Import mlflow and mlflow.pyfunc; later imports of them are then free of warnings."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with own_warnings_ignored():
        import mlflow.pyfunc  # noqa: F401
    for name, level in LOUDEST.items():
        logging.getLogger(name).setLevel(level)


def open_client(home: TrackingHome, *, to_read: bool = False) -> MlflowClient:
    """A client of the store; a SQLite store is created under a lock if need be. RequestError if it cannot be used.

    With `to_read` the store may be read-only. UnavailableError if it is on a database server that does not
    answer.
    """
    if home.database is not None and home.database.exists():
        refuse_locked_out(home.database, to_read=to_read)
    import_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if home.is_server:
        log_in(home)
        return MlflowClient(tracking_uri=home.uri, registry_uri=home.uri)
    # MLflow migrates a fresh database when it is first opened, and of two processes that do so at once both fail.
    with home.locked("mlflow", to_read=to_read), own_warnings_ignored():
        try:
            if home.database is not None and not (home.database.exists() and home.database.stat().st_size):
                make_database(home.database, template_of("mlflow"))
            client = MlflowClient(tracking_uri=home.uri, registry_uri=home.uri)
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)
            _remove_mistaken_folders(home.uri)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            reason = one_line(str(error).split("[SQL: ")[0])  # the rest is the statement, and a link
            kind: type[Exception]
            if "out-of-date" in str(error):
                kind, remedy = RequestError, f"upgrade it with: mlflow db upgrade {shlex.quote(home.uri)}"
            elif home.database is not None and is_held(error):
                kind, remedy = UnavailableError, f"it is in use by another program: {WAIT}"
            elif home.database is not None and is_forbidden(error):
                kind, remedy = RequestError, "check its permissions, and those of its folder"
            elif home.database is None:  # on a database server, which may be back when the run is repeated
                kind, remedy = UnavailableError, "start its server, or change the tracking URI"
            else:
                kind, remedy = RequestError, "repair it, or move it away"
            raise kind(f"MLflow store {home.uri} cannot be opened ({reason[:200]}); {remedy}") from error
    return client


def refuse_locked_out(database: Path, *, to_read: bool) -> None:
    """RequestError where this user may not read, or may not write, the database."""
    if not os.access(database, os.R_OK if to_read else os.R_OK | os.W_OK):
        what = "read" if to_read else "written"
        raise RequestError(
            f"MLflow store {database} cannot be {what} by this user; run as its owner, change its owner or permissions, "
            "or choose another --runtime.data-root"
        )


def _remove_mistaken_folders(uri: str) -> None:
    """Remove the empty folders `file:/...` that MLflow makes in the current folder for a SQLite URI with a path in URI form."""
    if uri.startswith(MISTAKEN):
        with contextlib.suppress(OSError):
            os.removedirs(os.path.dirname(uri.removeprefix("sqlite:///").partition("?")[0]))  # noqa: PTH120 a name, relative


def make_database(database: Path, template: Path) -> None:
    """Give a store its tables in a file that takes the database's place when it is whole: a copy of `template`.

    There are some fifty steps to them, each of which SQLite keeps at once; where a kill has left a database between two of
    them, MLflow can neither use it nor go on.
    """
    copied_or_made(database, template, lambda: _migrate(database))


def _migrate(database: Path) -> None:
    """Have MLflow make its tables; two seconds of a processor."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    with replaced(database, mode=PRIVATE) as partial:
        engine = create_sqlalchemy_engine(sqlite_uri(partial))
        try:
            _initialize_tables(engine)
        finally:
            engine.dispose()


def log_in(home: TrackingHome) -> None:
    """Let MLflow's client send the password of the server that `textmill up` started for this data root, and of no other.

    A login that the user has set goes before. It is set for this process and its children until another server is opened, and
    stored nowhere.
    """
    own = any(os.environ.get(name) not in (None, _logged_in.get(name)) for name in LOGIN_VARIABLES)
    wanted = {} if own else _written_login(home)
    for name in _logged_in.keys() - wanted.keys():
        if os.environ.get(name) == _logged_in.pop(name):
            del os.environ[name]
    _logged_in.update(wanted)
    os.environ.update(wanted)


def _written_login(home: TrackingHome) -> dict[str, str]:
    """The variables of the login that was written down for this server; none where it is for another."""
    folder = home.folder.parent if home.ours else home.folder
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        written = json.loads((folder / SERVER_FILE).read_text())
        if home.uri.replace("//localhost:", "//127.0.0.1:") == written["url"]:
            user, _, word = written["login"].partition(":")
            return {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": word}
    return {}


@contextlib.contextmanager
def single_tries() -> Iterator[None]:
    """Have MLflow's client make each call once: callers that wait for a server repeat their calls themselves."""
    before = os.environ.get(RETRIES, ENVIRONMENT[RETRIES])
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        os.environ[RETRIES] = before


def send_files(path: Path, place: str, to: str | None, tracking_uri: str) -> None:
    """Copy a file, or all files of a folder, to a folder of a place that a repository of MLflow's reaches."""
    import_mlflow()
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    files = get_artifact_repository(place, tracking_uri=tracking_uri)
    (files.log_artifacts if path.is_dir() else files.log_artifact)(str(path), to)


def is_store_error(error: Exception) -> bool:
    """Whether a store failed: MLflow's own error, one of the system, or one of a database that is read without MLflow."""
    own = getattr(sys.modules.get("mlflow.exceptions"), "MlflowException", MissingError)  # not imported: it raised nothing
    return isinstance(error, own | MissingError | RefusedError | OSError | sqlite3.Error)


def transient(error: Exception) -> bool:
    """Whether the same call may succeed later: no answer came, or one that blames the server."""
    return isinstance(error, OSError | sqlite3.OperationalError) or getattr(error, "error_code", "") in TRANSIENT


@contextlib.contextmanager
def own_warnings_ignored() -> Iterator[None]:
    """Ignore two warnings that MLflow's own modules cause when they are imported, and that cannot be mended here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        yield
