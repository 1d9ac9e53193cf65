"""Whether an input has the encoding that was declared, judged by its records."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from tasks.documents.encoding import SAMPLE_BYTES, advice, extends_ascii, garbled, lost, plausibility, propose
from tasks.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

_SAMPLE_TEXTS = 1000
_TEXT_CHARS = 500
_RECORD_BYTES = 1024
_MARGIN = 0.4  # by which another encoding's text must be the more plausible
_FEW = 100  # texts beyond ASCII to one with a lost character: the damage of a single text is its author's
_UNICODE = ("utf", "ascii")


class Tally:
    """Counts of one input, and a sample of its bytes and texts beyond ASCII."""

    def __init__(self, encoding: str, option: str) -> None:
        self.encoding = encoding
        self.option = option
        self._name = codecs.lookup(encoding).name
        self._compare = extends_ascii(encoding) and self._name not in ("utf-8", "utf-8-sig", "ascii")
        self.found = self.undecodable = self.beyond_ascii = self.utf8 = 0
        self.first: tuple[str, int] | None = None
        self.first_utf8: tuple[str, int] | None = None
        self._undecodable, self._bytes, self._texts = bytearray(), bytearray(), list[str]()

    def count(self, source: str, offset: int, data: bytes, text: str | None, undecodable: int | None) -> None:
        """Take one record into account: its bytes, its text if it has one, and the offset of a byte that does not decode."""
        self.found += 1
        if undecodable is not None:
            self.undecodable += 1
            self.first = self.first or (source, undecodable)
            _add(self._undecodable, data)
        elif text is not None and len(self._texts) < _SAMPLE_TEXTS and not text.isascii():
            self._texts.append(text[:_TEXT_CHARS])
        if not data.isascii():
            self.beyond_ascii += 1
            if self._compare:
                _add(self._bytes, data)
                if is_utf8(data):
                    self.utf8 += 1
                    at = next(at for at, byte in enumerate(data) if byte > 127)
                    self.first_utf8 = self.first_utf8 or (source, offset + at)

    def add(self, other: Tally) -> None:
        """Take into account the records that another tally of the same input has counted, which follow those counted here."""
        self.found += other.found
        self.undecodable += other.undecodable
        self.beyond_ascii += other.beyond_ascii
        self.utf8 += other.utf8
        self.first = self.first or other.first
        self.first_utf8 = self.first_utf8 or other.first_utf8
        for mine, theirs in ((self._undecodable, other._undecodable), (self._bytes, other._bytes)):
            mine += theirs[: max(0, SAMPLE_BYTES - len(mine))]
        self._texts += other._texts[: _SAMPLE_TEXTS - len(self._texts)]

    def check(self, path: Path | str) -> None:
        """Raise RequestError if the declared encoding is not the input's: more undecodable records than damage explains.

        An 8-bit encoding decodes anything, so there the sign is that the text beyond ASCII is valid UTF-8, which text in such
        an encoding practically never is.
        """
        if self.first is not None and (self.undecodable > max(10, self.found // 1000) or 2 * self.undecodable > self.found):
            raise RequestError(self._wrong(path, *self.first))
        if self.first_utf8 is not None and 10 * self.utf8 > 9 * self.beyond_ascii:
            source, offset = self.first_utf8
            raise RequestError(
                f"{path}: byte {offset} of {source} begins a UTF-8 character, and {self.utf8:,} of {self.beyond_ascii:,}"
                f" records beyond ASCII are UTF-8, not {self.encoding}; use {self.option} utf-8"
            )

    def warnings(self, where: Path | str) -> list[str]:
        """Reasons to doubt that the texts are as their author wrote them, a line each."""
        said = []
        if self.first is not None and (found := propose(bytes(self._undecodable))):
            many = f"{self.undecodable:,} record{'s' * (self.undecodable != 1)}"
            said.append(
                f"{where}: {many} of {self.found:,} could not be read as {self.encoding}, the first in {self.first[0]} at byte "
                f"{self.first[1]}; as {found[0].encoding} it reads {found[0].shown!r}"
            )
        if (doubt := self._misread()) is not None:
            said.append(f"{where}: {doubt}")
        number = lost(self._texts)
        if number and number * _FEW >= len(self._texts):
            said.append(
                f"{where}: {number:,} of the first {len(self._texts):,} texts beyond ASCII hold the sign of a lost character "
                "(U+FFFD); save them again from their source, as UTF-8"
            )
        return said

    def _misread(self) -> str | None:
        if self._bytes and not any(word in self._name for word in _UNICODE):
            found = propose(bytes(self._bytes))
            if found and found[0].encoding != self._name:
                best = found[0]
                if best.score > plausibility(bytes(self._bytes), self.encoding) + _MARGIN:
                    return (
                        f"read as {self.encoding} the text looks garbled; as {best.encoding} it reads {best.shown!r}: "
                        f"use {self.option} {best.encoding}"
                    )
        seen = garbled(self._texts)
        if seen is None:
            return None
        return (
            f"{seen.number:,} of the first {seen.of:,} texts beyond ASCII look like {seen.right} that was once read as "
            f"{seen.wrong}, such as {seen.seen!r} for {seen.meant!r}; read their source again as {seen.right}"
        )

    def _wrong(self, path: Path | str, source: str, offset: int) -> str:
        sound = self.beyond_ascii - self.undecodable
        many = f"{self.undecodable:,} of {self.found:,} records"
        said = f"{path}: byte {offset} of {source} is not {self.encoding}, nor are {many}; "
        if sound > max(3, self.undecodable // 3) and self._name.startswith("utf-8"):
            found = propose(bytes(self._undecodable))
            other = found[0].encoding if found else "another encoding"
            return said + f"{sound:,} others beyond ASCII are, and these read as {other}: save all of them as UTF-8"
        return said + advice(bytes(self._undecodable), self.option)


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _add(sample: bytearray, data: bytes) -> None:
    if len(sample) < SAMPLE_BYTES:
        part = data if len(data) <= _RECORD_BYTES else data[:_RECORD_BYTES].rsplit(b" ", 1)[0]
        sample += part + b"\n"
