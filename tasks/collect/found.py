"""The documents that collect hands to score, and the source that its records come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.documents.record import MAX_FIELDS
from tasks.documents.times import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks.documents.record import Record

# The documents for score: columns of tasks.monitor.tables.SCORED_SCHEMA.
COLLECTED_SCHEMA = pa.schema(
    [
        ("id", pa.binary(32)),
        ("time", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("fields", pa.map_(pa.string(), pa.string())),
    ]
)
MAX_FIELD_CHARS = 2000  # longer values are the source's to keep


def kept_fields(fields: Iterable[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Give the short values, whole and as text, of the columns that are neither text nor time."""
    texts = ((str(name), written(value)) for name, value in fields if not isinstance(value, dict | list | bytes))
    short = [(name, text) for name, text in texts if text and len(text) <= MAX_FIELD_CHARS]
    return tuple((_storable(name), _storable(text)) for name, text in short[:MAX_FIELDS])


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class Source(NamedTuple):
    """One file, feed or query and its records, whose `data` are in `encoding`; `again` gives them once more.

    `alone` says that the request names only this source, so that its faults are those of the request.
    `warning` is about the whole of it, if it can be read all the same.
    `watermark` is a path and a stamp: the file need not be read again while the stamp stays the same. `newest` is the name
    under which the time of the newest document is kept, for a query that asks for newer ones.
    """

    name: str
    records: Iterator[Record]
    encoding: str = "utf-8"
    watermark: tuple[str, str] | None = None
    newest: str | None = None
    again: Callable[[], Iterator[Record]] | None = None
    alone: bool = False
    warning: str | None = None
