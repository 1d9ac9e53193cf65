"""Texts without labels: a folder or an archive of .txt files, a file with one document a line, and a file that is one document.

They are read beside a corpus, scored, or collected; `inputs.py` tells which of them a path is.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.documents.archive import SUFFIXES, Placed, archive_kind, archive_records
from tasks.documents.compressed import open_plain, plain_suffix
from tasks.documents.fasttext_lines import PREFIX, labels_and_text
from tasks.documents.files import as_bytes, file_record, without_binaries
from tasks.documents.kinds import HEAD_BYTES
from tasks.documents.layout import Asked, Layout, Notes
from tasks.documents.lines import Lines, decode_line
from tasks.documents.record import Record
from tasks.documents.table_form import encoding_of, row_limit, sniff, whole
from tasks.documents.walk import read_head, walk
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Texts(Layout):
    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self.encoding, self.encoding_flag = asked.reading.encoding, asked.reading.flags.encoding


class TextFolder(_Texts):
    """The .txt files below a folder, sorted by name; links and special files become records with a reason."""

    name = "text folder"

    def check(self) -> None:
        """Raise RequestError for a folder without a text."""
        if next(self._found(0), None) is None:
            raise RequestError(f"{self.path}: no .txt file below this folder")

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the texts."""
        return without_binaries(self._found(self.reading.text_bytes), self.encoding)

    def _found(self, limit: int) -> Iterator[Record]:
        for found in walk(as_bytes(self.path)):
            if found.kind != "file" or found.name.lower().endswith(b".txt"):
                yield file_record(found, limit, label=None, split=self.asked.split, prefix=self.asked.prefix)


class TextArchive(_Texts):
    """The .txt members of an archive in its order; where times are read, each has that of its last change."""

    name = "text archive"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        if archive_kind(self.path) is None:
            where = f"{asked.option} {self.path}".strip()
            raise RequestError(f"{where}: not a readable archive; give .tar, .tar.gz, .tar.bz2, .tar.xz, .zip, or plain text")

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the texts."""
        dated = self.reading.second == "time"
        return archive_records(self.path, self.reading.text_bytes, self._place, self.asked.prefix, dated=dated)

    def _place(self, name: bytes) -> Placed | None:
        return Placed(name, None, self.asked.split) if is_text_member(name) else None


class TextLines(_Texts):
    """One document for each line that is not blank; ids are `file name:line`.

    Where the lines are fastText's, the labels at their beginnings are left out.
    """

    name = "text lines"

    def check(self) -> None:
        """Raise RequestError for what the first lines show."""
        self._begin  # noqa: B018 it is looked up for its errors

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the texts."""
        name, split = self.asked.prefix + self.path.name, self.asked.split
        encoding, start, labels = self._begin
        with whole(self.path), open_plain(self.path) as file:
            file.seek(start)
            lines = Lines(file, encoding, start=start, limit=row_limit(self.reading.max_chars))
            while (line := lines.take()) is not None:
                text, bad = decode_line(line, encoding)
                if line.long or bad is not None:
                    offset, reason = line.offset if bad is None else bad, "too_long" if line.long else "undecodable"
                    yield Record(f"{name}:{line.number}", name, offset, line.data, reason=reason)
                elif text.strip():
                    text = labels_and_text(text)[1] if labels else text
                    yield Record(f"{name}:{line.number}", name, line.offset, line.data, text, None, split)

    @cached_property
    def _begin(self) -> tuple[str, int, bool]:
        """Encoding, first byte, and whether the lines begin with fastText's labels."""
        with whole(self.path), open_plain(self.path) as file:
            encoding, start = encoding_of(self.path, self.reading, file.read(HEAD_BYTES))
            begin = [text.lstrip().startswith(PREFIX) for text in sniff(self.path, file, encoding, start, self.reading)]
        return encoding, start, 2 * sum(begin) > len(begin)


class WholeText(_Texts):
    """A file that is one document, dated by its last change."""

    name = "text"

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the one text. RequestError for fastText's lines, which are many, and have no times."""
        path, limit = self.path, self.reading.text_bytes
        try:
            if plain_suffix(path) == path.suffix.lower():
                data = read_head(os.fsencode(path), limit + 1)
            else:
                with whole(path), open_plain(path) as file:
                    data = file.read(limit + 1)
            changed = path.stat().st_mtime
        except OSError as error:
            raise RequestError(unreadable(path, error, what="cannot be read")) from error
        if data.startswith(PREFIX.encode()):
            raise RequestError(f"{path}: fastText's lines have labels and no times; give a table with a column of times")
        when = datetime.fromtimestamp(int(changed), UTC).isoformat()
        reason = "too_long" if len(data) > limit else None
        yield Record(path.name, path.name, 0, data, None, None, self.asked.split, reason, time=when)


def is_text_member(name: bytes) -> bool:
    """Whether a member of an archive is a text: a .txt that is not hidden."""
    base = name.rpartition(b"/")[2]
    return base.lower().endswith(b".txt") and not base.startswith(b".")


def looks_packed(path: Path) -> bool:
    """Whether a file's name says that it is an archive."""
    return plain_suffix(path) in SUFFIXES or path.name.lower().endswith((".zst", ".7z"))
