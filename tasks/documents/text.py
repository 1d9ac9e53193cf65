"""Whether a text can be a document: judged here for ingest, score and collect alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.encoding import decode

if TYPE_CHECKING:
    from tasks.documents.record import Record


def read_text(record: Record, encoding: str, max_chars: int) -> tuple[str, str | None, int]:
    """Give a record's text, the reason (see reasons.py) why it is refused or None, and the byte to look at.

    A text that its reader did not decode is decoded here. The text of a refused record is empty.
    """
    text, offset = record.text, record.offset
    if record.reason is not None:
        return "", record.reason, offset
    if text is None:
        try:
            text = decode(record.data, encoding)
        except UnicodeDecodeError as error:
            return "", "undecodable", offset + error.start
    reason = what_is_wrong(text, max_chars)
    return text if reason is None else "", reason, offset


def what_is_wrong(text: str, max_chars: int) -> str | None:
    """Give the reason (see reasons.py) why a text cannot be a document; None if it can."""
    if len(text) > max_chars:
        return "too_long"
    if "\0" in text:
        return "nul"
    if not text or text.isspace():
        return "empty"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, out of a JSON escape
            return "surrogate"
    return None
