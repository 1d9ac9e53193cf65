"""A document as it was found, kept or refused: what every reader gives, and every caller takes."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_FIELDS = 20  # other columns that are kept with a document of a monitor; more than these are the source's to keep


class Record(NamedTuple):
    """One document as found.

    `data` are its raw bytes, kept for the quarantine. `text` is None where they have yet to be decoded, and in a record that is
    refused: there `reason` says why (see reasons.py), and `detail` says more in words. `offset` is a byte in `source`, in
    Parquet, feeds and queries a row. `label` or `time` is as it was written, None where there is none; `former_time` is how
    textmill 0.1 read the time, where that may differ. `rest` holds names and values of other columns, where they are kept.
    """

    id: str
    source: str
    offset: int
    data: bytes
    text: str | None = None
    label: str | None = None
    split: str | None = None
    reason: str | None = None
    detail: str = ""
    time: str | None = None
    former_time: str | None = None
    rest: tuple[tuple[str, Any], ...] = ()
