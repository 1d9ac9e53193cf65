"""What a source finds: a document with its time as written, or a record and why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What score is handed: the first columns of tasks.monitor.schema.SCORED_SCHEMA.
COLLECTED_SCHEMA = pa.schema(
    [
        ("id", pa.binary(32)),
        ("time", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("text", pa.string()),
        ("source", pa.string()),
    ]
)


class Found(NamedTuple):
    """One record. `text` is None where `data` are bytes to decode; `time` is None where there is none.

    `guess` is how a library reads a time that nobody else can, `former` how the version before this one read it.
    """

    offset: int
    data: bytes
    text: str | None = None
    time: str | None = None
    reason: str | None = None
    guess: str | None = None
    former: str | None = None


class Source(NamedTuple):
    """One file, feed or query and its records, whose `data` are in `encoding`; `again` gives them once more.

    `alone` says that the request names nothing but this source, so that its faults are those of the request.
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
