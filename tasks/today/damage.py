"""Texts whose encoding was damaged on the way: UTF-8 read as another encoding, or characters that were lost."""

from __future__ import annotations

import re

REPLACED = "\ufffd"
# What UTF-8 looks like that was read as Windows-1252 or Latin-1: bytes of one character, in order (RFC 3629).
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# One of these is a trace; two bytes of other letters may be a capital before a quotation mark, so that there have to be two.
_TRACE = re.compile(rb"[\xc2\xc3][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|(?:[\xc4-\xdf][\x80-\xbf]){2}")
_HIGH_RUN = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{2,}"
)
_LATIN = re.compile("[\u00a1-\u00ff]")
_LOST = re.compile(r"\?{3,}")
_HAN_RUN = re.compile("[\u4e00-\u9fff\ue000-\uf8ff]{4,}")
_LATIN_SHARE, _LOST_SHARE, _MIN_CHARS, _GB_SHARE = 0.4, 0.4, 8, 0.8


def is_damaged(text: str) -> bool:
    """Whether a text shows traces of a wrong encoding."""
    if text.isascii():
        return _lost(text)
    return REPLACED in text or _lost(text) or _utf8_in_latin(text) or _mostly_high(text) or _utf8_in_gb(text)


def _lost(text: str) -> bool:
    """Question marks in place of characters."""
    return bool(_LOST.search(text)) and text.count("?") >= max(_MIN_CHARS // 2, _LOST_SHARE * len(text))


def _utf8_in_latin(text: str) -> bool:
    """`\u00c3\u00a9` for an e with an accent, `\u00e2\u20ac\u2122` for an apostrophe."""
    return any(_TRACE.search(_as_bytes(run)) for run in _HIGH_RUN.findall(text))


def _as_bytes(run: str) -> bytes:
    return b"".join(_byte(character) for character in run)


def _byte(character: str) -> bytes:
    """The byte that Windows-1252, or where that has none Latin-1, reads as this character."""
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1") if character <= "\u00ff" else b" "


def _mostly_high(text: str) -> bool:
    """Two-byte encodings read as Latin-1: no language has so many accents and signs."""
    return len(text) >= _MIN_CHARS and len(_LATIN.findall(text)) >= _LATIN_SHARE * len("".join(text.split()))


def _utf8_in_gb(text: str) -> bool:
    """UTF-8 read as GB18030: rare characters whose bytes are UTF-8 again."""
    runs = "".join(_HAN_RUN.findall(text))
    if not runs:
        return False
    data = runs.encode("gb18030", "ignore")
    return sum(map(len, _MULTIBYTE.findall(data))) >= _GB_SHARE * len(data)
