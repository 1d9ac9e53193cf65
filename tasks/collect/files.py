"""Documents in files: an inbox folder, one file, a glob, here or wherever fsspec reaches."""

from __future__ import annotations

import contextlib
import functools
import glob
import itertools
import logging
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.collect.found import MAX_FIELDS, Found, Source, kept_fields
from tasks.documents.compressed import SUFFIXES, plain_suffix
from tasks.documents.parquet import ParquetColumns, parquet_columns, texts_of
from tasks.documents.table import ONE_COLUMN, PARQUET, TABLES, open_table, table_records
from tasks.documents.times import written
from tasks.documents.walk import kind_of, read_head, walk
from tasks.errors import RequestError, UnavailableError
from tasks.in_use import unreadable, writer_of_half_a_line
from tasks.shown import file_name, in_line
from tasks.store.digests import canonical, sha256_text
from tasks.urls import is_url, resolved, unresolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.config import CollectConfig
    from tasks.documents.missing import Missing

log = logging.getLogger(__name__)

TEXT = frozenset({".txt"})
KNOWN = TEXT | TABLES
BEING_WRITTEN = (".tmp", ".part")
RACY_SECONDS = 2.0  # a file written this recently may change again within one tick of its clock
BATCH_ROWS = 4096
READER = 2  # of times; 1 was that of version 0.1


class _File(NamedTuple):
    """A file on this machine and the name it is told by; `reason` says why it cannot be read."""

    path: Path
    name: str
    reason: str | None = None
    watermark: bool = True


def is_glob(source: str) -> bool:
    """Whether a source is a pattern of names; a `?` alone may begin a URL's query, and a path that is there is that path."""
    return bool(set(source) & set("*[")) and (is_url(source) or not Path(source).exists())


def hidden(text: str, source: str) -> str:
    """A text in which no secret of the source stands: what `resolved` put there is named, a URL has no query."""
    return without_secrets(unresolved(text, source))


def file_sources(config: CollectConfig) -> Iterator[Source]:
    """One source for each file, by name. RequestError if there is nothing at the place, or its only file cannot be read.

    A table's columns are those of the config. A .txt file is one document whose time is that of its last change; with
    collect.delimiter it is a table. Of several files, one that cannot be read is one record with a reason.
    """
    assert config.source is not None
    remote = is_url(config.source)
    files = _fetched(config.source) if remote else _local(config.source)
    alone = not remote and Path(config.source).is_file()
    for file in files:
        if file.reason:
            yield Source(file.name, iter([Found(0, os.fsencode(file.name), reason=file.reason)]))
            continue
        try:
            writer = _writer_of_half_a_line(file, config)
            again = functools.partial(_guarded, file, config, alone=alone, half=bool(writer))
            mark = None if writer else _watermark(file, config)
            warning = f"{writer} is still writing its last line, which is left for the next refresh" if writer else None
            yield Source(file.name, again(), _encoding(file, config), watermark=mark, again=again, alone=alone, warning=warning)
        except RequestError as error:
            if alone:
                raise
            yield Source(file.name, iter([_unreadable(file, error)]))


def _local(source: str) -> list[_File]:
    path = Path(source)
    if path.is_dir():
        return [
            _judged(Path(os.fsdecode(each.path)), file_name(each.name), each.kind)
            for each in walk(os.fsencode(path))
            if not each.name.endswith(tuple(map(str.encode, BEING_WRITTEN)))
        ]
    if path.exists():
        return [_File(path, _shown(path.name))]
    if is_glob(source):
        found = [Path(name) for name in sorted(glob.glob(_pattern(source), recursive=True))]  # noqa: PTH207 sorted by its whole name
        return [
            _judged(each, _shown(each.name), kind_of(os.fsencode(each)))
            for each in found
            if not each.is_dir() and not each.name.endswith(BEING_WRITTEN)
        ]
    raise RequestError(f"--collect.source {source}: no such file or folder; correct the path")


def _pattern(source: str) -> str:
    """The pattern, with the folders at its beginning that are there taken by their letters: `/my [old] news/*.csv`."""
    parts, known = Path(source).parts, Path()
    while parts and (known / parts[0]).exists():
        known, parts = known / parts[0], parts[1:]
    return os.path.join(glob.escape(str(known)), *parts)


def _judged(path: Path, name: str, kind: str) -> _File:
    if kind != "file":
        return _File(path, name, kind)
    return _File(path, name, None if plain_suffix(path) in KNOWN else "unknown_format")


def _fetched(source: str) -> Iterator[_File]:
    """Copies of remote files, one at a time; UnavailableError if the place does not answer."""
    import fsspec

    address = resolved(source, "--collect.source")
    try:
        filesystem, place = fsspec.core.url_to_fs(address)
        names = sorted(
            filesystem.glob(place) if is_glob(place) else filesystem.find(place) if filesystem.isdir(place) else [place]
        )
        with tempfile.TemporaryDirectory(prefix="textmill-") as folder:
            for name in names:
                if name.endswith(BEING_WRITTEN):
                    continue
                place_of = Path(urlsplit(name).path if is_url(name) else name)
                suffix, shown = (
                    "".join(place_of.suffixes[-2:]) if place_of.suffix in SUFFIXES else place_of.suffix,
                    _shown(hidden(name, source)),
                )
                if plain_suffix(f"a{suffix}") not in KNOWN:
                    yield _File(Path(name), shown, "unknown_format")
                    continue
                copy = Path(folder) / f"document{suffix}"
                filesystem.get_file(name, str(copy))
                yield _File(copy, shown, watermark=False)
    except FileNotFoundError:
        raise RequestError(f"--collect.source {without_secrets(source)}: no such file; correct it") from None
    except (ImportError, ValueError) as error:  # a protocol that is unknown, or whose package is missing
        raise RequestError(f"--collect.source {without_secrets(source)}: {hidden(_first_line(error), source)}") from None
    except Exception as error:  # noqa: BLE001 each protocol's library has its own, and its text may hold the whole address
        reason = type(error).__name__
        raise UnavailableError(f"{without_secrets(source)} cannot be read ({reason}); try again later") from None


def check_file(path: Path, config: CollectConfig) -> None:
    """Raise RequestError for what the first record of a file shows to be wrong with it or with the options."""
    if plain_suffix(path) in KNOWN:
        next(_records(_File(path, _shown(path.name)), config), None)


def _writer_of_half_a_line(file: _File, config: CollectConfig) -> str:
    """Who has begun the last record of a file of lines and not ended it; empty if nobody."""
    suffix = file.path.suffix.lower()
    lines = suffix in TABLES - PARQUET or (suffix in TEXT and config.delimiter is not None)
    return writer_of_half_a_line(file.path) if lines else ""


def _guarded(file: _File, config: CollectConfig, *, alone: bool, half: bool = False) -> Iterator[Found]:
    """The records of a file, without the last if it is only half there; if it is damaged on the way, the last one says so."""
    records = _records(file, config)
    try:
        if not half:
            yield from records
            return
        for record, _ in itertools.pairwise(records):
            yield record
    except (RequestError, OSError) as error:
        if not isinstance(error, RequestError):
            error = RequestError(unreadable(file.path, error, what="cannot be read to its end"))
        if alone:
            raise error from None
        yield _unreadable(file, error)


def _records(file: _File, config: CollectConfig) -> Iterator[Found]:
    suffix = plain_suffix(file.path)
    reading = config.reading
    with _named_for_collect():
        if suffix in PARQUET:
            yield from _parquet(file.path, parquet_columns(file.path, reading, labelled=True))
        elif suffix in TEXT and config.delimiter is None:
            yield _document(file.path, config.max_chars)
        else:
            table = open_table(file.path, reading, keep=True)
            for record in table_records(table, config.max_chars, None, say=_say):
                fields = kept_fields(zip(table.columns.rest_keys, record.rest, strict=False))
                yield Found(record.offset, record.data, record.text, record.label, record.reason, fields=fields)


def _document(path: Path, max_chars: int) -> Found:
    limit = 4 * max_chars + 4  # no encoding of note takes more bytes; and a byte order mark
    try:
        data, changed = read_head(os.fsencode(path), limit + 1), path.stat().st_mtime
    except OSError as error:
        raise RequestError(unreadable(path, error, what="cannot be read")) from error
    when = datetime.fromtimestamp(int(changed), UTC).isoformat()
    return Found(0, data, None, when, "too_long" if len(data) > limit else None)


def _parquet(path: Path, columns: ParquetColumns) -> Iterator[Found]:
    """The rows of a Parquet file; offsets are rows from 0. Times may be timestamps, dates, numbers or text."""
    when, row = columns.label, 0
    assert when is not None
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 16)
        read = [*columns.texts, when]
        others = [each.name for each in file.schema_arrow if each.name not in read and _is_short(each.type)][:MAX_FIELDS]
        for batch in file.iter_batches(BATCH_ROWS, columns=[*read, *others]):
            times, texts = _times(batch.column(when), columns.missing), texts_of(batch, columns)
            values = [_in_words(batch.column(name)) for name in others]
            rests = zip(*values, strict=True) if others else itertools.repeat(())
            for (data, time_), rest in zip(zip(texts, times, strict=True), rests, strict=False):
                yield Found(row, data, None, time_, fields=kept_fields(zip(others, rest, strict=True)))
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise RequestError(unreadable(path, error, after=f"row {row:,}")) from error


def _is_short(kind: pa.DataType) -> bool:
    """Whether values of a type are kept with a document: text, numbers and times."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)
    return text or number or pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _in_words(column: pa.Array) -> list[str | None]:
    """Values as text; one that is no UTF-8 must not cost its batch."""
    found = _decoded(column).cast(pa.string()).cast(pa.large_binary()).to_pylist()
    return [None if data is None else data.decode("utf-8", "replace") for data in found]


def _times(column: pa.Array, missing: Missing) -> list[str | None]:
    column = _decoded(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type) or pa.types.is_time(column.type):
        return column.cast(pa.string()).to_pylist()
    return [None if missing.value(value) else written(value) for value in column.to_pylist()]


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


@contextlib.contextmanager
def _named_for_collect() -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        raise RequestError(_for_collect(str(error))) from error


def _for_collect(message: str) -> str:
    """Name the options of collect, which reads a time where ingest reads a label."""
    message = message.replace("--ingest.label", "--collect.time").replace("for the label", "for the time")
    message = message.replace(ONE_COLUMN, "")
    return message.replace("--ingest.", "--collect.").replace("text and label", "text and time")


def _say(message: str) -> None:
    log.warning("%s", in_line(" ".join(_for_collect(message).split())))


def _encoding(file: _File, config: CollectConfig) -> str:
    return "utf-8" if file.path.suffix.lower() in PARQUET else config.encoding or "utf-8"


def _watermark(file: _File, config: CollectConfig) -> tuple[str, str] | None:
    """The path and a stamp of what the file is and how it is read; None for one that may still change unnoticed."""
    if not file.watermark:
        return None
    try:
        status = file.path.stat()
    except OSError:  # gone since the folder was listed: its reader says so
        return None
    if time.time() - max(status.st_mtime, status.st_ctime) < RACY_SECONDS:
        return None
    reading = sha256_text(canonical(config.model_dump(mode="json", exclude={"source", "name"})))[:16]
    # A reader that reads more, or otherwise, reads every file once more: what counted counts once.
    stamp = f"{READER}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}:{status.st_ctime_ns}:{reading}"
    return _shown(str(file.path.absolute())), stamp


def _unreadable(file: _File, error: RequestError) -> Found:
    log.warning("%s", in_line(error))  # a file's name may hold line ends and escapes
    return Found(0, os.fsencode(file.name), reason="unreadable_file")


def _shown(name: str) -> str:
    """A file's name as text that can be stored and printed."""
    return file_name(os.fsencode(name))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
