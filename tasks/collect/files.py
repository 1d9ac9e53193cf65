"""Documents in files: an inbox folder, one file, a glob, here or wherever fsspec reaches."""

from __future__ import annotations

import functools
import glob
import itertools
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tasks.collect.found import Source, kept_fields
from tasks.documents.compressed import SUFFIXES
from tasks.documents.inputs import TEXT, input_of, is_known
from tasks.documents.layout import Asked, Notes
from tasks.documents.record import Record
from tasks.documents.table_form import PARQUET, TABLES, WORKBOOKS
from tasks.documents.walk import kind_of, walk
from tasks.errors import RequestError, UnavailableError
from tasks.in_use import RACY_SECONDS, unreadable, writer_of_half_a_line
from tasks.shown import file_name, in_line
from tasks.store.digests import canonical, sha256_text
from tasks.urls import is_url, resolved, unresolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.collect.settings import CollectConfig

log = logging.getLogger(__name__)

BEING_WRITTEN = (".tmp", ".part")
READER = 2  # the version of the reader of times; 1 was that of textmill 0.1


class _File(NamedTuple):
    """A file on this machine, and the name that messages give it; `reason` says why it cannot be read."""

    path: Path
    name: str
    reason: str | None = None
    watermark: bool = True


def is_glob(source: str) -> bool:
    """Whether a source is a pattern of names; a `?` alone may begin a URL's query, and a path that is there is that path."""
    return bool(set(source) & set("*[")) and (is_url(source) or not Path(source).exists())


def hidden(text: str, source: str) -> str:
    """Give a text without the secrets of the source: values that `resolved` put there by name, a URL without its query."""
    return without_secrets(unresolved(text, source))


def file_sources(config: CollectConfig) -> Iterator[Source]:
    """One source for each file, by name. RequestError if there is nothing at the place, or its only file cannot be read.

    A table's columns are those of the config. A .txt file, in an archive too, is one document whose time is that of its last
    change; with collect.delimiter it is a table. Of several files, one that cannot be read is one record with a reason.
    """
    assert config.source is not None
    remote = is_url(config.source)
    files = _fetched(config.source) if remote else _local(config.source)
    alone = not remote and Path(config.source).is_file()
    for file in files:
        if file.reason:
            yield Source(file.name, iter([_refused(file, file.reason)]))
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
    """The pattern; folders at its beginning that exist are taken by their letters: `/my [old] news/*.csv`."""
    parts, known = Path(source).parts, Path()
    while parts and (known / parts[0]).exists():
        known, parts = known / parts[0], parts[1:]
    return os.path.join(glob.escape(str(known)), *parts)


def _judged(path: Path, name: str, kind: str) -> _File:
    if kind != "file":
        return _File(path, name, kind)
    return _File(path, name, None if is_known(path) else "unknown_format")


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
                if not is_known(f"a{suffix}"):
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
    """Raise RequestError for errors in a file or in the options that its first record shows."""
    if is_known(path):
        next(_records(_File(path, _shown(path.name)), config), None)


def _writer_of_half_a_line(file: _File, config: CollectConfig) -> str:
    """The program that has begun the last record of a file of lines and not ended it; empty if no program has."""
    suffix = file.path.suffix.lower()
    lines = suffix in TABLES - PARQUET or (suffix in TEXT and config.delimiter is not None)
    return writer_of_half_a_line(file.path) if lines else ""


def _guarded(file: _File, config: CollectConfig, *, alone: bool, half: bool = False) -> Iterator[Record]:
    """The records of a file, without the last one if it is half written; if the file is damaged, its last record says so."""
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


def _records(file: _File, config: CollectConfig) -> Iterator[Record]:
    notes = Notes()
    for record in input_of(Asked(file.path, config.reading)).records(notes):
        yield record._replace(rest=kept_fields(record.rest)) if record.rest else record
    for warning in notes.warnings:
        log.warning("%s", in_line(" ".join(warning.split())))


def _encoding(file: _File, config: CollectConfig) -> str:
    return "utf-8" if file.path.suffix.lower() in PARQUET | WORKBOOKS else config.encoding or "utf-8"


def _watermark(file: _File, config: CollectConfig) -> tuple[str, str] | None:
    """The path and a stamp of the file and of how it is read; None for a file that may still change unnoticed."""
    if not file.watermark:
        return None
    try:
        status = file.path.stat()
    except OSError:  # gone since the folder was listed; its reader reports that
        return None
    if time.time() - max(status.st_mtime, status.st_ctime) < RACY_SECONDS:
        return None
    unread = {"source", "name"} | (
        {"sheet"} if config.sheet is None else set()
    )  # a later setting, in stamps only where it is used
    reading = sha256_text(canonical(config.model_dump(mode="json", exclude=unread)))[:16]
    # After a change of the reader every file is read once more; documents that were counted are duplicates.
    stamp = f"{READER}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}:{status.st_ctime_ns}:{reading}"
    return _shown(str(file.path.absolute())), stamp


def _unreadable(file: _File, error: RequestError) -> Record:
    log.warning("%s", in_line(error))  # a file's name may hold line ends and escapes
    return _refused(file, "unreadable_file")


def _refused(file: _File, reason: str) -> Record:
    return Record(file.name, file.name, 0, os.fsencode(file.name), reason=reason)


def _shown(name: str) -> str:
    """A file's name as text that can be stored and printed."""
    return file_name(os.fsencode(name))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
