"""More text without labels: a folder or an archive of .txt files, a table, or a file with one document a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.archive import Placed, archive_kind, archive_records
from tasks.documents.compressed import open_plain
from tasks.documents.encoding import settle
from tasks.documents.fasttext_lines import PREFIX, labels_and_text
from tasks.documents.files import as_bytes, file_record
from tasks.documents.kinds import HEAD_BYTES, kind_of_file
from tasks.documents.lines import Lines, decode_line
from tasks.documents.record import Record
from tasks.documents.table import row_limit, sniff, whole
from tasks.documents.walk import walk
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.config import IngestConfig

_SPLIT = "unlabelled"


def place_text(name: bytes) -> Placed | None:
    """Take every .txt member that is not hidden."""
    base = name.rpartition(b"/")[2]
    return Placed(name, None, _SPLIT) if base.lower().endswith(b".txt") and not base.startswith(b".") else None


def text_folder(folder: Path, limit: int, prefix: str) -> Iterator[Record]:
    """Yield the .txt files below a folder, sorted by name; links and special files become records with a reason."""
    for found in walk(as_bytes(folder)):
        if found.kind != "file" or found.name.lower().endswith(b".txt"):
            yield file_record(found, limit, label=None, split=_SPLIT, prefix=prefix)


def text_archive(path: Path, limit: int, prefix: str) -> Iterator[Record]:
    """Yield the .txt members of an archive in its order."""
    return archive_records(path, limit, place_text, prefix)


def text_lines(path: Path, config: IngestConfig, prefix: str) -> Iterator[Record]:
    """Yield one document for each line that is not blank; ids are `file name:line`.

    Where the lines are fastText's, the labels at their beginnings are left out.
    """
    name, limit = prefix + path.name, row_limit(config.max_chars)
    encoding, start, labels = _begin(path, config, limit)
    with whole(path), open_plain(path) as file:
        file.seek(start)
        lines = Lines(file, encoding, start=start, limit=limit)
        while (line := lines.take()) is not None:
            text, bad = decode_line(line, encoding)
            if line.long or bad is not None:
                offset = line.offset if bad is None else bad
                yield Record(
                    f"{name}:{line.number}", name, offset, line.data, reason="too_long" if line.long else "undecodable"
                )
            elif text.strip():
                text = labels_and_text(text)[1] if labels else text
                yield Record(f"{name}:{line.number}", name, line.offset, line.data, text, None, _SPLIT)


def check_lines(path: Path, config: IngestConfig) -> None:
    """Raise RequestError for what the beginning of a file with a document a line shows to be wrong with it."""
    _begin(path, config, row_limit(config.max_chars))


def _begin(path: Path, config: IngestConfig, limit: int) -> tuple[str, int, bool]:
    """Encoding, first byte, and whether the lines begin with fastText's labels."""
    with whole(path), open_plain(path) as file:
        head = file.read(HEAD_BYTES)
        kind = kind_of_file(path, head)
        if kind is not None:
            raise RequestError(f"{path}: this file is {kind.words}; {kind.remedy}")
        try:
            encoding, start = settle(config.encoding, head)
        except UnicodeDecodeError as error:
            declared = error.reason.rpartition(" ")[2]
            raise RequestError(
                f"{path}: byte 0: {error.reason}, not {config.encoding}; use --ingest.encoding {declared}"
            ) from error
        begin = [text.lstrip().startswith(PREFIX) for text in sniff(path, file, encoding, start, limit)]
    return encoding, start, 2 * sum(begin) > len(begin)


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that text_archive reads."""
    return archive_kind(path) is not None
