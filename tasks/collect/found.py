"""What a source finds: a document with its time as written, or a record and why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.documents.times import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# What score is handed: columns of tasks.monitor.schema.SCORED_SCHEMA.
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
MAX_FIELDS, MAX_FIELD_CHARS = 20, 2000  # more columns than these, and longer values, are the source's to keep


class Found(NamedTuple):
    """One record. `text` is None where `data` are bytes to decode; `time` is None where there is none.

    `fields` are the names and values of its other columns that are kept. `former` is how the version before this one read the
    time, where it did not read it as a table's.
    """

    offset: int
    data: bytes
    text: str | None = None
    time: str | None = None
    reason: str | None = None
    former: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


def kept_fields(fields: Iterable[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """What is kept of the columns that are neither text nor time: the short values that there are, whole, as text."""
    texts = ((str(name), written(value)) for name, value in fields if not isinstance(value, dict | list | bytes))
    short = [(name, text) for name, text in texts if text and len(text) <= MAX_FIELD_CHARS]
    return tuple((_storable(name), _storable(text)) for name, text in short[:MAX_FIELDS])


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class Source(NamedTuple):
    """One file, feed or query and its records, whose `data` are in `encoding`; `again` gives them once more.

    `alone` says that the request names nothing but this source, so that its faults are those of the request.
    `warning` is what is wrong with the whole of it, if it can be read all the same.
    `watermark` is a path and a stamp: a file that need not be read again while the stamp stays the same. `newest` is the name
    under which the time of the newest document is kept, for a query that asks for what is newer.
    """

    name: str
    records: Iterator[Found]
    encoding: str = "utf-8"
    watermark: tuple[str, str] | None = None
    newest: str | None = None
    again: Callable[[], Iterator[Found]] | None = None
    alone: bool = False
    warning: str | None = None
