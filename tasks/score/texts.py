"""Find the texts of a file or folder, with ingest's readers, and judge each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError
from tasks.ingest.archive import archive_kind
from tasks.ingest.encoding import decode
from tasks.ingest.parquet import parquet_columns, parquet_records
from tasks.ingest.table import PARQUET, TABLES, open_table, table_records
from tasks.ingest.text import what_is_wrong
from tasks.ingest.unlabelled import text_archive, text_folder, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.ingest.record import Record


class Text(NamedTuple):
    """One document; without a text, `reason` says what is wrong with it."""

    id: str
    text: str | None
    reason: str | None


def read_texts(source: Path, reading: IngestConfig) -> Iterator[Text]:
    """Yield every document of a text file (one a line), table, archive or folder of .txt files, in its order.

    RequestError if it cannot be read at all; a bad record is yielded with its reason.
    """
    encoding = "utf-8" if source.suffix.lower() in PARQUET else reading.encoding
    with named_for_score():
        for record in _records(source, reading):
            yield _judged(record, encoding, reading.max_chars)


def check_texts(source: Path, reading: IngestConfig) -> None:
    """Raise RequestError for what the beginning of `source` shows to be wrong with it or with the options."""
    with named_for_score():
        _records(source, reading)


@contextlib.contextmanager
def named_for_score() -> Iterator[None]:
    """Ingest's readers name its options; here they stand without `ingest.`."""
    try:
        yield
    except RequestError as error:
        raise RequestError(str(error).replace("--ingest.", "--")) from error


def _records(source: Path, reading: IngestConfig) -> Iterator[Record]:
    limit = 4 * reading.max_chars + 4  # no encoding of note takes more bytes; and a byte order mark
    if not source.exists():
        raise RequestError(f"{source}: no such file or folder; check the path")
    if source.is_dir():
        return text_folder(source, limit, "")
    if not source.is_file():
        raise RequestError(f"{source}: neither a file nor a folder")
    suffix = source.suffix.lower()
    if suffix in PARQUET:
        return parquet_records(source, parquet_columns(source, reading, labelled=False), None)
    if suffix in TABLES:
        return table_records(open_table(source, reading, labelled=False), reading.max_chars, None)
    if archive_kind(source) is not None:
        return text_archive(source, limit, "")
    return text_lines(source, reading, "")


def _judged(record: Record, encoding: str, max_chars: int) -> Text:
    text, reason = record.text, record.reason
    if reason is None and text is None:
        try:
            text = decode(record.data, encoding)
        except UnicodeDecodeError:
            reason = "undecodable"
    if reason is None and text is not None:
        reason = what_is_wrong(text, max_chars)
    return Text(record.id, None if reason else text, reason)
