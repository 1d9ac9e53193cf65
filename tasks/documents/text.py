"""What a text must be to count as a document."""

from __future__ import annotations


def what_is_wrong(text: str, max_chars: int) -> str | None:
    """The reason (see schema.REASONS) why a text cannot be a document; None if it can."""
    if len(text) > max_chars:
        return "too_long"
    if "\0" in text:
        return "nul"
    if not text or text.isspace():
        return "empty"
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, out of a JSON escape
        return "surrogate"
    return None
