"""What a text looks like wherever it may have got to: one form of it is looked for in all readings of what a file holds.

The form is the text's letters and digits alone, in one case (`letters`): white space, punctuation, quotes, the marks between
tokens and most escapes drop out of both sides. What remains of escapes (`\\u00e9`, `&eacute;`, `%C3%A9`, `\\xe9`, a `\\n`
between words) and markup are undone in `readings`. Texts that are put side by side are parted by SEPARATOR, which stays.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import numpy as np

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

SEPARATOR = "\0"
MIN_BYTES = 12  # of the form, in UTF-8: of a shorter one chance would find many
PIECE = 40  # bytes of the form by which an excerpt of a text is known; pages and logs quote 80 characters and more
FEW = 16  # texts that are looked for one after another
ROUNDS = 3  # JSON in JSON in HTML
ENCODINGS = (
    "utf-16-le",
    "utf-16-be",
    "gb18030",
    "big5",
    "cp932",
    "euc_kr",
    "cp1251",
    "cp1252",
)  # of raw bytes that are no UTF-8

_LOWER = bytes(range(256)).lower()
_DROPPED = bytes(code for code in range(1, 128) if not chr(code).isalnum())
_CONTROL = bytes((*range(9), *range(14, 32)))
_NO_LETTER = re.compile(r"[^\w\0]+|_+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_ESCAPE = re.compile(
    r"(?P<bytes>(?:\\+x[0-9a-fA-F]{2})+)|\\+u(?P<four>[0-9a-fA-F]{4})|\\+U(?P<eight>[0-9a-fA-F]{8})|\\+(?P<sign>[abfnrtv])"
)
_PREFIX = 8  # bytes of a form by which many are told
_HASH_BITS = 20


def letters(text: str) -> bytes:
    """The letters and digits of a text in one case, as UTF-8, with its separators."""
    if not text.isascii():
        text = "".join(_folded(text))
    return text.encode("utf-8", "ignore").translate(_LOWER, _DROPPED)


def _folded(text: str) -> Iterator[str]:
    """The text with its parts beyond ASCII in one case and form: each with the letter before it, which a mark may be put on."""
    done = 0
    for run in _BEYOND_ASCII.finditer(text):
        start = max(done, run.start() - 1)
        yield text[done:start]
        done = run.end()
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[start:done]).casefold())
        yield _NO_LETTER.sub("", folded)
    yield text[done:]


def readings(text: str) -> Iterator[str]:
    """The text, and what it says once markup, entities and escapes are undone."""
    yield text
    for _ in range(ROUNDS):
        if "<" in text and (plain := _TAG.sub("", text)) != text:
            yield html.unescape(plain)
        undone = text
        if "&" in undone:
            undone = html.unescape(undone)
        if "\\" in undone:
            undone = _joined_pairs(_ESCAPE.sub(_unescaped, undone))
        if "%" in undone:
            undone = unquote(undone, errors="ignore")
        if undone == text:
            return
        text = undone
        yield text


class Wanted:
    """The texts that are looked for: whole, as their tokens joined, and in pieces, of which an excerpt holds one.

    `also` are (text's number, another way to write it); `shared` are pieces that other texts have too, which tell nothing.
    """

    def __init__(
        self, texts: Sequence[str], also: Iterable[tuple[int, str]] = (), shared: Collection[bytes] = frozenset()
    ) -> None:
        """Take down the texts; RequestError for one that is too short to be told from others."""
        self.texts = list(texts)
        for text in self.texts:
            if len(letters(text)) < MIN_BYTES:
                raise RequestError(
                    f"{text[:MIN_BYTES]!r} is too short to be told from the words of other texts; give the whole text, "
                    f"with {MIN_BYTES} letters and digits or more ({MIN_BYTES // 3} of Chinese)"
                )
        whole = {(letters(text), at) for at, text in enumerate(self.texts)}
        forms = whole | {(form, at) for at, text in also if len(form := letters(text)) >= MIN_BYTES}
        forms |= {(piece, at) for form, at in whole for piece in _pieces(form) if piece not in shared}
        self._whole, self._forms = _Forms(whole), _Forms(forms)
        self._bytes = sorted({(raw, at) for at, text in enumerate(self.texts) for raw in _encoded(text)})
        self.overlap = max((len(form) for form, _ in whole), default=0) * 12 + 4096  # bytes, as escapes may write a text

    def rows(self, texts: Sequence[str]) -> list[int]:
        """The places of those texts that are, or hold, a whole one that is wanted."""
        return self.judged(texts)[0]

    def judged(self, texts: Sequence[str]) -> tuple[list[int], set[bytes]]:
        """The same, and the forms that the other texts hold: what of an excerpt says nothing about whose it is."""
        if not self._forms.held_by(letters(SEPARATOR.join(texts))):
            return [], set()
        found, shared = [], set[bytes]()
        for at, text in enumerate(texts):
            own = letters(text)
            if self._whole.held_by(own):
                found.append(at)
            else:
                shared |= self._forms.found_in(own)
        return found, shared

    def whole_in(self, text: str) -> set[int]:
        """Which texts are whole in a piece of text, whichever way it writes them."""
        return {at for reading in readings(text) for at in self._whole.held_by(letters(reading))}

    def held_by(self, text: str) -> set[int]:
        """Which texts are in a piece of text, whichever way it writes them."""
        return {at for reading in readings(text) for at in self._forms.held_by(letters(reading))}

    def held_by_bytes(self, data: bytes) -> set[int]:
        """Which texts are in raw bytes, of whatever encoding; those of weights and pages of databases are not unescaped."""
        held = {at for raw, at in self._bytes if raw in data}
        if len(data) - len(data.translate(None, _CONTROL)) > len(data) // 200:
            return held | self._forms.held_by(data.translate(_LOWER, _DROPPED))
        return held | self.held_by(data.decode("utf-8", "ignore"))


class _Forms:
    """Forms of texts, each with its text's number."""

    def __init__(self, forms: Iterable[tuple[bytes, int]]) -> None:
        self._forms = sorted(forms)
        self._many = _Many([form for form, _ in self._forms]) if len(self._forms) > FEW else None

    def held_by(self, found: bytes) -> set[int]:
        """The numbers of the texts of which `found`, letters and digits alone, has a form."""
        return {self._forms[place][1] for place in self._places(found)}

    def found_in(self, found: bytes) -> set[bytes]:
        """The forms themselves."""
        return {self._forms[place][0] for place in self._places(found)}

    def _places(self, found: bytes) -> Iterable[int]:
        if self._many is not None:
            return self._many.held_by(found)
        return (place for place, (form, _) in enumerate(self._forms) if form in found)


class _Many:
    """Thousands of forms, looked for at once: by their first eight bytes, then one by one where these occur."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        self._by_prefix: dict[int, list[int]] = {}
        self._forms = forms
        for number, form in enumerate(forms):
            self._by_prefix.setdefault(int.from_bytes(form[:_PREFIX], "little"), []).append(number)
        self._table = np.zeros(1 << _HASH_BITS, bool)
        self._table[_hashed(np.array(list(self._by_prefix), np.uint64))] = True

    def held_by(self, data: bytes) -> set[int]:
        held: set[int] = set()
        if len(data) < _PREFIX:
            return held
        bytes_N = np.frombuffer(data, np.uint8)
        first_N = np.lib.stride_tricks.as_strided(bytes_N, (len(data) - _PREFIX + 1, _PREFIX), (1, 1))
        prefix_N = np.ascontiguousarray(first_N).view("<u8").ravel()
        for at in np.flatnonzero(self._table[_hashed(prefix_N)]).tolist():
            for number in self._by_prefix.get(int(prefix_N[at]), ()):
                if data.startswith(self._forms[number], at):
                    held.add(number)
        return held


def _pieces(form: bytes) -> Iterator[bytes]:
    """Pieces of PIECE bytes, end to end: an excerpt of twice as many letters has at least one of them whole."""
    if len(form) > PIECE:
        for start in range(0, len(form) - PIECE + 1, PIECE):
            yield form[start : start + PIECE]


def _hashed(prefix_N: np.ndarray) -> np.ndarray:
    return (prefix_N * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _HASH_BITS)


def _encoded(text: str) -> Iterator[bytes]:
    """The bytes of a text in other encodings, and as JSON, HTML, a URL and Python write it."""
    for composed in {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}:
        for written in (composed, json.dumps(composed)[1:-1], html.escape(composed), quote(composed), ascii(composed)[1:-1]):
            yield written.encode("utf-8", "surrogatepass")
    for encoding in ENCODINGS if not text.isascii() else ENCODINGS[:2]:
        try:
            yield text.encode(encoding)
        except UnicodeEncodeError:
            continue


def _unescaped(match: re.Match[str]) -> str:
    if written := match["bytes"]:
        data = bytes.fromhex("".join(re.findall(r"x([0-9a-fA-F]{2})", written)))
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")
    if match["sign"]:
        return " "
    code = int(match["four"] or match["eight"], 16)
    return chr(code) if code <= 0x10FFFF else " "


def _joined_pairs(text: str) -> str:
    """The text with each surrogate pair as the one character that it writes."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
