"""Find the texts of a file or folder, and judge each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Layout, Notes
from tasks.documents.reading import Flags
from tasks.documents.tally import Tally
from tasks.documents.text import read_text
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.record import Record
    from tasks.ingest.settings import IngestConfig

FLAGS = Flags()  # of `textmill score`, which have no section


def layout_of(source: Path, config: IngestConfig, *, keep: bool = False) -> Layout:
    """Give the layout of a file or folder; with `keep` its records hold the other columns of a table.

    RequestError if there is nothing to read.
    """
    if not source.exists():
        raise RequestError(f"{source}: no such file or folder; check the path")
    reading = config.reading.without_labels(flags=FLAGS, keep="all" if keep else "none")
    return input_of(Asked(source, reading))


def check_texts(source: Path, config: IngestConfig) -> None:
    """Raise RequestError for errors that the beginning of a source shows."""
    next(layout_of(source, config).records(Notes()), None)


def read_texts(layout: Layout, warnings: list[str]) -> Iterator[Record]:
    """Yield every document in its order, each with its text, or refused with its reason and without one; bytes are left out.

    RequestError if the source cannot be read to its end, or if most of it is not in the declared encoding. `warnings` gets a
    line for each thing that a user should look at.
    """
    tally, notes = Tally(layout.encoding, layout.encoding_flag), Notes(warnings)
    for record in layout.records(notes):
        text, reason = judged(record, tally, layout.reading.max_chars)
        yield record._replace(data=b"", text=text, reason=reason)
    tally.check(layout.path)
    warnings += tally.warnings(layout.path)


def judged(record: Record, tally: Tally, max_chars: int) -> tuple[str | None, str | None]:
    """The text of a record, or else the reason why it is refused; `tally` counts it."""
    text, reason, offset = read_text(record, tally.encoding, max_chars)
    undecodable = offset if reason == "undecodable" else None
    tally.count(record.source, record.offset, record.data, None if reason else text, undecodable)
    return (None if reason else text), reason
