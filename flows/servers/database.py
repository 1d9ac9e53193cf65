"""A PostgreSQL database for both servers of `textmill up`: Prefect's tables in the schema `prefect`, MLflow's in `mlflow`.

Two schemas of one database: one address, one grant, and one dump that has runs and models of the same moment. Both programs
call the table of their own version `alembic_version`, so they cannot share a schema. No secret is in the address: the password
comes from PGPASSWORD, or from the file that PGPASSFILE names, and TLS is asked for by PGSSLMODE and PGSSLROOTCERT, which both
drivers read.

One Prefect server works on a database at a time. Its process holds an advisory lock as long as it runs, so a second host, or a
copy of the data root, is refused.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks.errors import RequestError, UnavailableError
from tasks.tracking.server import known_revisions, revisions_in
from tasks.urls import REFERENCE, holds_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

log = logging.getLogger(__name__)

FLAG = "--database"
PREFECT, MLFLOW = "prefect", "mlflow"
SEARCH_PATH = f"{PREFECT},public"  # public too: an extension that was there before may be in it
LOCK = 0x7465_7874_6D69_6C6C  # "textmill" in ASCII
OLDEST = 14  # of PostgreSQL, that Prefect takes
CONNECT_SECONDS = 10
LOOK_SECONDS = 20.0
PASSWORDS = "set PGPASSWORD, or write it into the file that PGPASSFILE names (~/.pgpass, mode 0600)"
CONNECTION_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
PATH_VARIABLE = "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_SEARCH_PATH"
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")


def checked_database(address: str) -> str:
    """The address as it is kept, `postgresql://[USER@]HOST[:PORT]/DATABASE`; RequestError for another, or with a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if holds_password(address) or REFERENCE.search(address):
        raise RequestError(f"{FLAG}: the address holds a password, which would be stored; leave it out and {PASSWORDS}")
    form = f"{FLAG}: write postgresql://USER@HOST:PORT/DATABASE"
    if not _SCHEME.match(address):
        raise RequestError(f"{form}; without {FLAG} the servers keep what they have in the data root")
    try:
        url = make_url(_SCHEME.sub("postgresql://", address))
    except (ArgumentError, ValueError):
        raise RequestError(form) from None
    if url.password or url.query:
        raise RequestError(f"{form} and nothing else; {PASSWORDS}, and PGSSLMODE, PGSSLROOTCERT for TLS")
    if not url.host or not url.database:
        raise RequestError(f"{form}; the {'database' if url.host else 'host'} is missing")
    return url.render_as_string(hide_password=False)


def prefect_settings(address: str) -> dict[str, str]:
    """The variables by which Prefect's server uses the database."""
    return {CONNECTION_VARIABLE: address.replace("postgresql:", "postgresql+asyncpg:", 1), PATH_VARIABLE: SEARCH_PATH}


def mlflow_uri(address: str) -> str:
    """The URI by which MLflow's server uses the database."""
    option = quote(f"-csearch_path={MLFLOW}", safe="")
    return f"{address.replace('postgresql:', 'postgresql+psycopg:', 1)}?options={option}"


def prepare_database(address: str) -> None:
    """Make the two schemas, and see that both programs can use them.

    RequestError: no driver, no such database or user, no right to make schemas, tables of other programs or of a newer version,
    servers of another data root at work. UnavailableError: no server answers.
    """
    with connected(address) as connection:
        _refuse_too_old(address, connection.info.server_version)
        if not _row(connection, "SELECT pg_try_advisory_lock(%s)", LOCK)[0]:
            raise RequestError(f"{address} is in use by {_holder(connection)}; textmill down there first")
        _row(connection, "SELECT pg_advisory_unlock(%s)", LOCK)
        if not _rows(connection, "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"):
            raise RequestError(f"{address} has no extension pg_trgm, which Prefect needs (Debian: postgresql-contrib)")
        for schema, known in ((PREFECT, _prefect_revisions()), (MLFLOW, known_revisions())):
            _prepare_schema(address, connection, schema, known)


def _prepare_schema(address: str, connection: Any, schema: str, known: Mapping[str, str | None]) -> None:
    from psycopg import Error, sql

    title = {PREFECT: "Prefect", MLFLOW: "MLflow"}[schema]
    if not _rows(connection, "SELECT 1 FROM pg_namespace WHERE nspname = %s", schema):
        try:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        except Error as error:
            raise RequestError(
                f"the schema {schema} cannot be made in {address} ({_reason(error)}); "
                "GRANT CREATE ON DATABASE ... TO the user, or make it as its owner"
            ) from None
        return
    tables = [name for (name,) in _rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)]
    if not tables:
        return
    if "alembic_version" not in tables:
        raise RequestError(
            f"the schema {schema} of {address} holds tables that are not {title}'s ({', '.join(sorted(tables)[:3])}); "
            "give another database"
        )
    try:
        versions = connection.execute(
            sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(schema, "alembic_version"))
        ).fetchall()
    except Error as error:
        raise RequestError(f"the schema {schema} of {address} cannot be read ({_reason(error)})") from None
    heads = known.keys() - set(known.values())
    for (version,) in versions:
        if version not in known:
            raise RequestError(
                f"the schema {schema} of {address} is of a newer {title} than this one (revision {version}); "
                "install the version that wrote it, or restore a dump from before"
            )
        if schema == MLFLOW and version not in heads:
            raise RequestError(
                f"the schema {schema} of {address} is of an older MLflow (revision {version}); make a dump, then: "
                f"mlflow db upgrade '{mlflow_uri(address)}'"
            )


def _refuse_too_old(address: str, version: int) -> None:
    if version // 10_000 < OLDEST:
        raise RequestError(f"{address} is PostgreSQL {version // 10_000}; Prefect needs {OLDEST} or newer")


@contextlib.contextmanager
def connected(address: str, **options: Any) -> Iterator[Any]:
    """A connection that commits each statement; see `prepare_database` for the errors."""
    try:
        import psycopg
    except ImportError:
        raise RequestError(f"{FLAG} needs the package psycopg; run pip install 'textmill[postgresql]'") from None
    name = f"textmill on {socket.gethostname()}"[:63]
    try:
        connection = psycopg.connect(
            address, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name=name, **options
        )
    except psycopg.OperationalError as error:
        raise _unusable(address, _reason(error)) from None
    try:
        with connection:
            yield connection
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database {address} went away ({_reason(error)})") from None


def _unusable(address: str, reason: str) -> Exception:
    """What to say of a connection that was not made."""
    if "password" in reason or "no pg_hba.conf entry" in reason or "role " in reason:
        return RequestError(f"the database {address} lets nobody in so ({reason}); {PASSWORDS}, or correct the user")
    if "database " in reason and "exist" in reason:
        return RequestError(f"the database {address} cannot be used ({reason}); make it (createdb), or correct the name")
    return UnavailableError(f"the database {address} does not answer ({reason}); start it, or correct the address")


def _reason(error: Exception) -> str:
    """The last line of a driver's message, without what it repeats of the address."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason is given"]
    last = next((line for line in reversed(lines) if ":" in line and not line.startswith("Multiple")), lines[-1])
    return last.rpartition("FATAL:")[2].strip() if "FATAL:" in last else last[-200:]


def _prefect_revisions() -> dict[str, str | None]:
    spec = find_spec("prefect")
    assert spec is not None
    assert spec.origin is not None
    return revisions_in(Path(spec.origin).parent / "server" / "database" / "_migrations" / "versions" / "postgresql")


def _holder(connection: Any) -> str:
    found = _rows(
        connection,
        "SELECT application_name, client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND granted AND classid::bigint << 32 | objid::bigint = %s",
        LOCK,
    )
    return f"the servers of another data root ({found[0][0]}, {found[0][1] or 'local'})" if found else "servers that end"


def _rows(connection: Any, query: str, *values: object) -> list[Any]:
    return list(connection.execute(query, values or None).fetchall())


def _row(connection: Any, query: str, *values: object) -> Any:
    return _rows(connection, query, *values)[0]


def hold_in_background(lost: Callable[[], object]) -> None:
    """Hold the lock of the database that this server's process was told to use, until it ends; nothing for any other.

    RuntimeError if another server has it. If it is lost with its connection and another takes it, `lost` is called.
    """
    if PATH_VARIABLE not in os.environ:
        return
    address = os.environ[CONNECTION_VARIABLE].replace("+asyncpg", "", 1)
    first, taken = threading.Event(), []

    def hold() -> None:
        while True:
            with contextlib.suppress(UnavailableError, RequestError), connected(address, keepalives_idle=30) as connection:
                if not _row(connection, "SELECT pg_try_advisory_lock(%s)", LOCK)[0]:
                    if first.is_set():
                        log.error("another server has taken the database; this one ends")
                        lost()
                    first.set()
                    return
                taken.append(True)
                first.set()
                while True:
                    time.sleep(LOOK_SECONDS)
                    _row(connection, "SELECT 1")
            time.sleep(1.0)

    threading.Thread(target=hold, daemon=True).start()
    first.wait(CONNECT_SECONDS * 6)
    if not taken:
        raise RuntimeError("the database is in use by servers of another data root, or does not answer")
