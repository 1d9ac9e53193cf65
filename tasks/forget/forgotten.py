"""The list of forgotten texts: of each a keyed hash, so that it is known when it comes again and cannot be read meanwhile.

    <data root>/forgotten/key      32 random bytes in hex, mode 0600
    <data root>/forgotten/texts    HMAC-SHA-256 of each text, in hex, a line each, sorted

Two texts are the same if they are the same in Unicode's composed form (NFC) and whatever white space is between their words.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any

from tasks.durable import PRIVATE, replaced
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER, KEY, TEXTS = "forgotten", "key", "texts"
REASON = "forgotten"  # in quarantine, without the bytes, which hold the text
KEY_BYTES = 32
_DELIMITERS = (",", ";", "\t", "|")


class Forgotten:
    """The texts that are to be refused, by their keyed hashes."""

    def __init__(self, key: bytes, marks: Iterable[str]) -> None:
        self._key = key
        self.marks = frozenset(marks)

    @classmethod
    def read(cls, texts: Path) -> Forgotten:
        """Read the list; RequestError if its key is missing or damaged, without which it says nothing."""
        key = _read_key(texts.with_name(KEY))
        if key is None:
            raise RequestError(
                f"{texts.with_name(KEY)} is missing or damaged, so forgotten texts cannot be told; restore it from a backup"
            )
        return cls(key, texts.read_text(encoding="ascii").split())

    def mark(self, text: str) -> str:
        """The keyed hash of a text, in hex."""
        return hmac.new(self._key, normal(text).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def holds(self, text: str) -> bool:
        """Whether a text is one that was forgotten."""
        return self.mark(text) in self.marks

    def in_record(self, text: str, data: bytes, encoding: str) -> bool:
        """Whether a record is one of a forgotten text.

        `text` is empty for a record that is refused: there the whole of its bytes `data`, and each field that a table or JSON
        would have in them, are compared.
        """
        return self.holds(text) if text else any(map(self.holds, _fields(data, encoding)))


def normal(text: str) -> str:
    """A text as it is compared: NFC, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def forgotten_list(data_root: Path) -> Path | None:
    """The list of a data root; None where nothing was forgotten yet."""
    path = data_root / FOLDER / TEXTS
    return path if path.is_file() and path.stat().st_size else None


def remember(data_root: Path, texts: Iterable[str]) -> Forgotten:
    """Add texts to the list, on the disk when this returns; the whole list."""
    folder = data_root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if forgotten_list(data_root) is None and _read_key(folder / KEY) is None:
        with replaced(folder / KEY, mode=PRIVATE, flushed=True) as partial:
            partial.write_text(secrets.token_hex(KEY_BYTES), encoding="ascii")
    (folder / TEXTS).touch(mode=PRIVATE)
    known = Forgotten.read(folder / TEXTS)
    marks = known.marks | {known.mark(text) for text in texts}
    if marks != known.marks:
        with replaced(folder / TEXTS, mode=PRIVATE, flushed=True) as partial:
            partial.write_text("".join(f"{mark}\n" for mark in sorted(marks)), encoding="ascii")
    return Forgotten.read(folder / TEXTS)


def _read_key(path: Path) -> bytes | None:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _fields(data: bytes, encoding: str) -> Iterator[str]:
    whole = data.decode(encoding, "replace")
    yield whole
    if not whole.strip():
        return
    for delimiter in _DELIMITERS:
        if delimiter in whole:
            try:
                yield from (field for row in csv.reader(io.StringIO(whole), delimiter=delimiter) for field in row)
            except csv.Error:  # a field that is too long
                continue
    if whole.lstrip()[0] in "[{":
        try:
            yield from _strings(json.loads(whole))
        except (ValueError, RecursionError):
            return


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
