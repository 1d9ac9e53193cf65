"""Documents in a database, by a SQL query; the database's address, which may hold a password, is never shown.

    SELECT title, published FROM news WHERE published >= :since

A query that names `:since` reads only new rows: the parameter is the time of the newest document of the refreshes before, less
two days for rows that are stored late (documents/database.py). Rows that the overlap reads twice are duplicates. With `--from`
it is a day before that day, if that is earlier. A column that holds neither times nor such text needs a cast: `WHERE stamp >=
CAST(strftime('%s', :since) AS INTEGER)`. Another query, or another database, begins anew.
"""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.collect.found import Source, kept_fields
from tasks.documents.columns import joined
from tasks.documents.database import BEGINNING, Address, rows_of, since_newest, since_text
from tasks.documents.missing import Missing
from tasks.documents.record import Record
from tasks.documents.times import written
from tasks.errors import RequestError
from tasks.store.digests import canonical, sha256_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL

    from tasks.collect.settings import CollectConfig


def query_sources(config: CollectConfig, newest: Callable[[str], int | None]) -> Iterator[Source]:
    """The rows of collect.query, streamed. RequestError for an address or column that is wrong, UnavailableError for the rest.

    Columns are taken by name (or position), times from timestamps, dates, numbers or text. Offsets are rows from 0. `newest`
    gives the time (microseconds since 1970) that is kept under the name that the source has.
    """
    url = address_of(config).url()
    database = url.render_as_string(hide_password=True)
    name = f"query {sha256_text(canonical([database, config.query, config.text, config.time]))[:32]}"
    rows = functools.partial(_rows, config, url, since(config, newest(name)))
    yield Source(f"{url.get_backend_name()} query", rows(), newest=name, again=rows, alone=True)


def since(config: CollectConfig, newest: int | None) -> str:
    """Give the value of `:since`, for a newest document of this time (microseconds since 1970)."""
    moment = since_newest(newest)
    if config.since is not None:
        moment = min(moment, datetime.combine(config.since, datetime.min.time(), UTC) - timedelta(days=1))
    return since_text(max(moment, BEGINNING))


def address_of(config: CollectConfig) -> Address:
    """Where the database's URL is."""
    return Address(config.database_variable, config.database_file, "collect")


def _rows(config: CollectConfig, url: URL, since: str) -> Iterator[Record]:
    assert config.query is not None
    with rows_of(url, config.query, {"since": since}) as (names, found):
        at_texts, at_time = _positions(names, config.text), _position(names, config.time, "time")
        missing = Missing(config.missing)
        others = [at for at in range(len(names)) if at not in (*at_texts, at_time)]
        for row, values in enumerate(found):
            texts = [value for at in at_texts if not missing.value(value := values[at])]
            whole = texts[0] if len(texts) == 1 else joined(list(map(str, texts))) if texts else None
            record = _found(row, whole, None if missing.value(values[at_time]) else values[at_time])
            yield record._replace(rest=kept_fields((names[at], values[at]) for at in others))


def _positions(names: list[str], asked: str) -> list[int]:
    """Where the text is: one column, or several with commas between them."""
    parts = [asked] if asked in names else asked.split(",")
    return [_position(names, part.strip(), "text") for part in parts]


def _position(names: list[str], column: str, what: str) -> int:
    if column in names:
        return names.index(column)
    if column.isdecimal() and int(column) < len(names):
        return int(column)
    shown = ", ".join(map(repr, names[:20]))
    raise RequestError(
        f"collect.query gives no column {column!r} for the {what}; it gives {shown}. Choose one with --collect.{what}"
    )


def _found(row: int, text: Any, when: Any) -> Record:
    time = written(when)
    data = json.dumps([time, text if isinstance(text, str) else repr(text)[:1000]], ensure_ascii=False).encode(
        "utf-8", "replace"
    )
    if isinstance(text, str):
        return Record(f"row {row}", "query", row, data, text, time=time)
    return Record(f"row {row}", "query", row, data, reason="empty" if text is None else "malformed_row")
