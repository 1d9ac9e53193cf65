"""What a text says, however it is composed and spaced: the key by which a label finds its text again."""

from __future__ import annotations

import unicodedata

from tasks.store.digests import sha256_text


def content_key(text: str) -> str:
    """SHA-256, in hex, of a text in Unicode's composed form (NFC) with single blanks for white space.

    Spreadsheets, browsers and editors change line ends, blanks and how letters are composed; none of it is another text.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return sha256_text(" ".join(text.split()))
