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

    `former` is how the version before this one read the time, where it did not read it as a table's.
    """

    offset: int
    data: bytes
    text: str | None = None
    time: str | None = None
    reason: str | None = None
    former: str | None = None


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
