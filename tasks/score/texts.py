"""Find the texts of a file or folder, with ingest's readers, and judge each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.archive import archive_kind
from tasks.documents.compressed import plain_suffix
from tasks.documents.encoding import decode
from tasks.documents.files import without_binaries
from tasks.documents.parquet import parquet_columns, parquet_records
from tasks.documents.table import PARQUET, TABLES, open_table, table_records
from tasks.documents.tally import Tally
from tasks.documents.text import what_is_wrong
from tasks.documents.unlabelled import text_archive, text_folder, text_lines
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.documents.record import Record


class Text(NamedTuple):
    """One document; without a text, `reason` says what is wrong with it."""

    id: str
    text: str | None
    reason: str | None
    rest: tuple[str, ...] = ()


def read_texts(
    source: Path, reading: IngestConfig, say: Callable[[str], None] | None = None, keep: Sequence[str] = ()
) -> Iterator[Text]:
    """Yield every document of a text file (one a line), table, archive or folder of .txt files, in its order.

    RequestError if it cannot be read at all, or if most of it is not in the declared encoding; a bad record is yielded with its
    reason. `say` is told in a line what a user should look at; `keep` names the other columns of JSON lines.
    """
    parquet = source.suffix.lower() in PARQUET
    tally = Tally("utf-8" if parquet else reading.encoding, "" if parquet else "--encoding")
    with named_for_score():
        for record in _records(source, reading, None if say is None else lambda line: say(for_score(line)), keep):
            yield _judged(record, tally, reading.max_chars)
        tally.check(source)
    if say is not None:
        for line in tally.warnings(source):
            say(line)


def check_texts(source: Path, reading: IngestConfig) -> None:
    """Raise RequestError for what the beginning of a source shows to be wrong with it."""
    with named_for_score():
        next(_records(source, reading, None), None)


def for_score(message: str) -> str:
    """Name score's options, which are ingest's without `ingest.`; its header is a switch, and it knows no labels."""
    message = message.replace("--ingest.header false", "--no-header").replace("--ingest.header true", "--header")
    message = message.replace("; text without labels goes to --ingest.unlabelled", "")
    return message.replace("--ingest.", "--")


@contextlib.contextmanager
def named_for_score() -> Iterator[None]:
    """Ingest's readers name its options; here they stand without `ingest.`."""
    try:
        yield
    except RequestError as error:
        raise RequestError(for_score(str(error))) from error


def _records(
    source: Path, reading: IngestConfig, say: Callable[[str], None] | None, keep: Sequence[str] = ()
) -> Iterator[Record]:
    limit = 4 * reading.max_chars + 4  # no encoding of note takes more bytes; and a byte order mark
    if not source.exists():
        raise RequestError(f"{source}: no such file or folder; check the path")
    if source.is_dir():
        return without_binaries(text_folder(source, limit, ""), reading.encoding)
    if not source.is_file():
        raise RequestError(f"{source}: neither a file nor a folder")
    suffix = plain_suffix(source)
    if suffix in PARQUET:
        return parquet_records(source, parquet_columns(source, reading, labelled=False), None)
    if suffix in TABLES:
        return table_records(open_table(source, reading, labelled=False, keep=keep or True), reading.max_chars, None, say=say)
    if archive_kind(source) is not None:
        return text_archive(source, limit, "")
    return text_lines(source, reading, "")


def _judged(record: Record, tally: Tally, max_chars: int) -> Text:
    text, reason, bad = record.text, record.reason, record.offset if record.reason == "undecodable" else None
    if reason is None and text is None:
        try:
            text = decode(record.data, tally.encoding)
        except UnicodeDecodeError as error:
            reason, bad = "undecodable", record.offset + error.start
    if reason is None and text is not None:
        reason = what_is_wrong(text, max_chars)
    tally.count(record.source, record.offset, record.data, None if reason else text, bad)
    return Text(record.id, None if reason else text, reason, record.rest)
