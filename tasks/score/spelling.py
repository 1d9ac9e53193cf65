"""One spelling for what is one word to a reader, however a feed, a keyboard or a web page wrote it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape

from tasks.model.text.scripts import UNSPACED

# With their semicolon, and of the others only those that are often left open: `this&not that` is not a negation sign.
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:amp|quot|lt|gt|nbsp)(?![A-Za-z0-9])"
)
MOST_DECODED = 2  # feeds escape what was escaped before
# Soft hyphens, zero-width characters, direction marks, selectors of variants: nobody sees them.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]")
_BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
# Full-width ASCII, half-width kana and hangul, mathematical letters; not the macron, which NFKC makes a blank.
_OTHER_FORM = re.compile("[\u3000\uff01-\uffe2\uffe4-\uffee\U0001d400-\U0001d7ff]+")
# What means nothing but itself in a regular expression: full-width letters and digits, curly quotes, odd blanks.
_LITERAL = re.compile(f"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f\u2018\u2019\u201c\u201d{_BLANKS}]+")
_ALIKE = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bb\u02bc\u02c8\u02b9\u0060\u00b4\u055a\ua78c",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u301d\u301e\u301f",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u02d7\ufe58\ufe63\u2e3a\u2e3b\u1806",
    "\u00b7": "\u2022\u2027\u2219\u22c5\u30fb\u0387\u16eb\u2e31",  # between the parts of a foreign name
    " ": _BLANKS,
}
_ONE_OF_THEM = str.maketrans({character: one for one, others in _ALIKE.items() for character in others})
_UNSPACED = re.compile(f"[{UNSPACED}]")


def spelled(text: str) -> str:
    """The text without entities and invisible characters, in one width, with one kind of blank, dash, quote and dot, in NFC."""
    for _ in range(MOST_DECODED):
        if "&" not in text:
            break
        text = _ENTITY.sub(lambda match: unescape(match.group()), text)
    if text.isascii():
        return text
    text = _OTHER_FORM.sub(lambda match: unicodedata.normalize("NFKC", match.group()), _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text.translate(_ONE_OF_THEM))


def spelled_pattern(pattern: str) -> str:
    """A regular expression for spelled texts: letters, digits and quotes as they are there, the syntax as it is."""
    return unicodedata.normalize("NFC", _LITERAL.sub(lambda match: spelled(match.group()), pattern))


def caseless(text: str) -> str:
    """A spelled text without upper and lower case; the four letters i of Turkish are one, or ISTANBUL were another word."""
    text = text.casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text.replace("i\u0307", "i").replace("\u0131", "i"))


@lru_cache(maxsize=1 << 16)
def is_spaced(character: str) -> bool:
    """Whether a character is part of a word in a script that puts blanks between words: a letter, its mark, a digit, `_`."""
    if _UNSPACED.match(character):
        return False
    return character.isalnum() or character == "_" or unicodedata.category(character) in ("Mn", "Mc")


def within_word(text: str, place: int) -> bool:
    """Whether the characters on both sides of a place belong to one word, so that no name begins or ends there."""
    return 0 < place < len(text) and is_spaced(text[place - 1]) and is_spaced(text[place])
