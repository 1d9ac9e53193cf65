r"""Clean a text before it is cut into tokens.

Real text is hostile: tags are unclosed, `<3` and `a < b` are not tags, entities are nested. Only HTML's own names count as
tags, so `<grin>` and `x <y and y> z` keep their words. No pattern scans past the next `<`, which keeps the work linear in the
length of any input.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from html.entities import html5

from .han import simplified

_ONE_LETTER = "a|b|i|p|q|s|u"
_NAMES = (
    "abbr|acronym|address|applet|area|article|aside|audio|base|basefont|bdi|bdo|big|blockquote|body|br|button|canvas|caption|"
    "center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|"
    "font|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html|iframe|img|input|ins|kbd|label|legend|li|link|main|map|"
    "mark|menu|meta|meter|nav|noframes|noscript|object|ol|optgroup|option|output|param|picture|pre|progress|rp|rt|ruby|samp|"
    "script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|"
    "thead|time|title|tr|track|tt|ul|var|video|wbr|[a-z]+:[a-z]+"
)
_QUOTED = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>"""
# A one-letter name needs an attribute with a value, or none: `x <b and c> d` is not a tag.
BREAK = "<br />"
TAG = re.compile(
    rf"<(?:/?(?:{_NAMES})(?=[\s/>])(?:{_QUOTED}|[^<>]*>)"
    rf"|/?(?:{_ONE_LETTER})(?:\s*/?>|\s[^<>=]*=(?:{_QUOTED}|[^<>]*>))"
    rf"|/?(?:{_NAMES}|{_ONE_LETTER})\s*(?=<|\Z)"  # cut off
    r"|!doctype\b[^<>]*>|!\[cdata\[|\?xml\b[^<>]*>|!--)",
    re.IGNORECASE,
)
BLOCKS = tuple(
    (
        re.compile(rf"{opening}.*?{closing}", re.IGNORECASE | re.DOTALL),
        re.compile(opening, re.IGNORECASE),
        re.compile(closing, re.IGNORECASE),
    )
    for opening, closing in (
        (r"<!--", r"-->"),
        (r"<script\b[^<>]*>", r"</script\b[^<>]*>?"),
        (r"<style\b[^<>]*>", r"</style\b[^<>]*>?"),
    )
)
# Named entities need their semicolon, but for the five that are often left open: `this&not that` is not a negation sign.
ENTITY = re.compile(
    r"&(?:#[0-9]{1,9}(?![0-9]);?|#[xX][0-9a-fA-F]{1,8}(?![0-9a-fA-F]);?|[A-Za-z][A-Za-z0-9]{1,31};|(?:amp|quot|lt|gt|nbsp)(?![A-Za-z0-9]))"
)
SEPARATORS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Soft hyphens, zero-width characters, direction marks, the byte-order mark: they split a word into two that look like one.
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]")
DIGIT = re.compile(r"\d")
NUMBER = re.compile(r"\d+(?:[.,:/\uff0c\uff0e\uff0f\uff1a]\d+)*[%\uff05]?")
# Full-width ASCII, half-width kana and hangul, signs of currencies and their like; not the macron, which NFKC makes a blank.
OTHER_WIDTH = re.compile("[\u3000\uff01-\uffe2\uffe4-\uffee]+")


def clean(
    text: str, *, html: bool = True, lowercase: bool = True, numbers: str = "keep", width: str = "keep", han: str = "keep"
) -> str:
    """Remove markup, fold case and normalise characters; runs of blanks are left as they are.

    In this order: HTML tags (each becomes a blank; scripts, styles and comments go with their content), entities, decoded
    once; control characters (blanks) and invisible ones (removed); Unicode NFC; width ("fold": full-width forms of ASCII and
    half-width ones of kana as the ordinary characters, by NFKC; nothing else that NFKC would change); Han ("simplified":
    traditional characters); lower case; digits ("zero": each becomes 0, "drop": each number becomes a blank).
    """
    if html:
        if "<" in text:
            text = strip_tags(text)
        if "&" in text:
            text = ENTITY.sub(decode, text)
    if not text.isprintable():
        text = SEPARATORS.sub(" ", text)
    if text.isascii():
        text = text.lower() if lowercase else text
    else:
        text = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
        if width == "fold" and OTHER_WIDTH.search(text):
            text = unicodedata.normalize("NFC", OTHER_WIDTH.sub(ordinary_width, text))
        if han == "simplified":
            text = simplified(text)
        if lowercase:
            text = unicodedata.normalize("NFC", text.lower())
    if numbers == "zero":
        text = DIGIT.sub("0", text)
    elif numbers == "drop":
        text = NUMBER.sub(" ", text)
    return text


def strip_tags(text: str) -> str:
    """Replace every HTML tag by a blank, and scripts, styles and comments together with their content."""
    text = text.replace(BREAK, " ")
    if "<" not in text:
        return text
    for block, opening, closing in BLOCKS:
        if opening.search(text):
            # After the last closing mark an opening one is a tag like any other, and its text stays.
            end = max((match.end() for match in closing.finditer(text)), default=0)
            text = block.sub(" ", text[:end]) + text[end:]
    return TAG.sub(" ", text)


def ordinary_width(match: re.Match[str]) -> str:
    """What takes the place of characters of another width."""
    return unicodedata.normalize("NFKC", match.group())


def decode(match: re.Match[str]) -> str:
    """What an entity stands for."""
    entity = match.group()
    if entity[1] == "#":
        return unescape(entity)
    return html5.get(entity[1:].rstrip(";") + ";", entity)
