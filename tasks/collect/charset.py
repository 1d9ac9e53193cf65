"""The encoding of a feed: as asked for, as its bytes, its HTTP header and its XML declaration say, and never a guess."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from tasks.documents.encoding import BOMS

# Names of encodings on web pages, and the encodings that are meant (WHATWG's Encoding Standard, section 4.2).
_MEANT = {
    **dict.fromkeys(("gb2312", "gb_2312-80", "gbk", "x-gbk", "csgb2312", "chinese", "euc-cn", "hz-gb-2312"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "ascii", "us-ascii"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "ksc5601", "korean", "windows-949"), "cp949"),
    "big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    **dict.fromkeys(("utf8", "utf8mb4", "unicode-1-1-utf-8", "x-unicode20utf8"), "utf-8"),
}
_UNMARKED = {b"<\0?\0": "utf-16-le", b"\0<\0?": "utf-16-be"}  # a declaration in UTF-16 without a byte order mark
_WIDE = ("utf-16", "utf-32")
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_TWO_BYTES_A_LETTER = re.compile(r"gb18030|big5hkscs|big5|cp9\d\d|euc_\w+|shift_jis\w*")
_NO_CHANCE = 8  # letters beyond ASCII that are UTF-8 by chance in none of a million feeds of these encodings
_EVERY_BYTE_IS_A_LETTER = re.compile(r"cp(?:125\d|874|866|437|850)|iso8859-\d+|koi8-[ru]|mac-\w+")


class Decoded(NamedTuple):
    """A feed's text. `lost`: it is not in `encoding`, as it should be; bytes that could not be read are U+FFFD."""

    text: str
    encoding: str
    lost: bool = False


def decode_feed(data: bytes, asked: str | None = None, served: str | None = None) -> Decoded:
    """Decode a feed as it was asked for, else as it says; `served` is the charset of its HTTP header.

    A header or a declaration that names an encoding in which any bytes are letters, or most, is not believed where the bytes
    are UTF-8, nor Latin-1 where the bytes are another script or the declaration says otherwise: servers name it by habit.
    """
    head = data[:1024]
    match = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
    declared = match[1].decode("ascii") if match else None
    marked = next((name for bom, name in BOMS if head.startswith(bom)), _UNMARKED.get(head[:4]))
    if not marked and b"\0" not in head:  # some say UTF-16 in letters of one byte each
        served, declared = (None if name and (_codec(name) or "").startswith(_WIDE) else name for name in (served, declared))
    known = [codec for name in (asked, marked, served, declared, "utf-8") if name and (codec := _codec(name))]
    said = _codec(declared) if declared and not asked and not marked else None
    if said and (said == "utf-8" or _codec(served or "") == "cp1252"):
        known.insert(0, said)
    for codec in known:
        if asked is None and (text := _as_utf_8_after_all(data, codec)) is not None:
            return Decoded(text, "utf-8")
        if (text := _decoded(data, codec)) is not None:
            if codec == "cp1252" and not asked and _is_no_latin(data):
                return Decoded(data.decode("ascii", "replace"), codec, lost=True)
            return Decoded(text, codec)
        if asked and codec == known[0] != "utf-8":
            break  # an encoding that was chosen is not given up for one that only fits
    return Decoded(data.decode(known[0], "replace").removeprefix("\ufeff"), known[0], lost=True)


def _as_utf_8_after_all(data: bytes, codec: str) -> str | None:
    """The text if the bytes are UTF-8 although they should be `codec`, which would take any bytes or most for letters."""
    many = bool(_TWO_BYTES_A_LETTER.fullmatch(codec))
    if not many and not _EVERY_BYTE_IS_A_LETTER.fullmatch(codec):
        return None
    text = _decoded(data, "utf-8")
    return None if text is None or (many and sum(letter > "\x7f" for letter in text) < _NO_CHANCE) else text


def _is_no_latin(data: bytes) -> bool:
    """Whether bytes that are to be Latin-1 are most likely letters of another script: most are in runs of four and more."""
    return 2 * sum(map(len, re.findall(rb"[\x80-\xff]{4,}", data))) > sum(byte > 127 for byte in data)


def _codec(name: str) -> str | None:
    """Python's name of an encoding of text; None if it has none."""
    name = _MEANT.get(name.strip().lower(), name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return info.name if info._is_text_encoding else None


def _decoded(data: bytes, codec: str) -> str | None:
    for name in (codec, "latin-1") if codec == "cp1252" else (codec,):  # five bytes are not letters in cp1252
        try:
            return data.decode(name).removeprefix("\ufeff")
        except UnicodeError:
            continue
    return None
