"""Rows of a SQL query; the database's address, which may hold a password, is never shown.

A query that names `:since` reads only new rows: the parameter is the time of the newest row that it gave before, less OVERLAP
for rows that are stored late, as text in UTC such as `2020-03-09 17:30:00` (1900-01-01 at first).
"""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL

BATCH_ROWS = 4096
LINE_CHARS = 300  # characters of a driver's message that are told
OVERLAP = timedelta(days=2)  # rows may be stored so much later than they are dated; and a day of it is for time zones
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)  # earlier documents are refused
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def since_newest(newest: int | None) -> datetime:
    """What `:since` is where the newest row before is of this time (microseconds since 1970); None: there is no row before."""
    moment = BEGINNING if newest is None else _EPOCH + timedelta(microseconds=newest) - OVERLAP
    return max(moment, BEGINNING)


def since_text(moment: datetime) -> str:
    """The value of `:since` as databases take it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


class Address(NamedTuple):
    """Where the SQLAlchemy URL is: in an environment variable, or in a file that only its owner may read."""

    variable: str | None
    file: Path | None
    section: str  # whose settings these are

    def url(self) -> URL:
        """The URL. RequestError if there is none."""
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        if self.variable:
            where, value = f"the environment variable {self.variable}", os.environ.get(self.variable, "")
        else:
            assert self.file is not None
            where, value = str(self.file), self._private_text(self.file)
        if not value.strip():
            raise RequestError(
                f"{where} is empty; put a SQLAlchemy URL there, such as postgresql+psycopg://user:password@host/db"
            )
        try:
            return make_url(value.strip())
        except (ArgumentError, ValueError):  # ValueError: a port that is not a number
            raise RequestError(
                f"{where} holds no SQLAlchemy URL; it looks like postgresql+psycopg://user:password@host/db"
            ) from None

    def _private_text(self, path: Path) -> str:
        try:
            with path.open(encoding="utf-8") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o077:
                    raise RequestError(f"{path} can be read by others (mode {mode:04o}); chmod 600 it")
                return file.read(10_000)
        except (OSError, UnicodeDecodeError) as error:
            flag = f"--{self.section}.database-file"
            raise RequestError(f"{flag} {path} cannot be read ({type(error).__name__}); correct it") from None


@contextlib.contextmanager
def rows_of(url: URL, query: str, parameters: Mapping[str, Any]) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    """The names of a query's columns, and its rows as they come, read only and in batches.

    Of `parameters` it is given those that it names. RequestError for an address that no driver takes, UnavailableError for what
    the database refuses.
    """
    from sqlalchemy import create_engine, event, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (NoSuchModuleError, ImportError) as error:
        raise RequestError(f"no driver for {url.drivername} ({error}); install it, such as textmill[postgresql]") from None
    except (ArgumentError, ValueError, TypeError) as error:  # the driver's words may hold a part of the address
        raise RequestError(
            f"the database's address is not a valid address for {url.drivername} ({type(error).__name__})"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _keep_bad_bytes)
    try:
        options = {"stream_results": True, "yield_per": BATCH_ROWS}
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)  # a query has no business writing
            statement = text(query)
            result = connection.execution_options(**options).execute(statement, _asked(statement.compile().params, parameters))
            try:
                yield list(result.keys()), iter(result)
            finally:
                result.close()
    except SQLAlchemyError as error:
        reason = (str(getattr(error, "orig", None) or error).strip().splitlines() or ["no reason is given"])[0]
        reason = reason[:LINE_CHARS]
        if url.password:
            reason = reason.replace(str(url.password), "***")
        what = f"the {engine.dialect.name} query failed: {type(error).__name__}: {reason}"
        raise UnavailableError(f"{what}; correct it, or try again") from None
    finally:
        engine.dispose()


def _asked(names: Collection[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name in names}


def _keep_bad_bytes(connection: Any, _: Any) -> None:
    """Hand on texts that are not UTF-8, as halves of surrogate pairs: they go to quarantine and do not end the query."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
