"""Text from outside (labels, documents, names of files) made safe to show: one function for each place where it is shown.

    in_line     a line of a terminal or of a log
    one_line    the same of a text with several lines, such as the message of another program's error, cut to a length
    in_code     code within a line of Markdown
    json_text   JSON for people and programs
    excerpt     the start of a document, on one line
    visible     text that a template escapes: HTML, and figures
    inert       Markdown, chat programs, mail
    safe_link   an address in the same that may be pressed
    in_cell     a cell of a table in tabs, one to one
    file_name   the bytes of a file's name, one to one
    listed      a few names out of a file in a message

Letters, signs and emoji of every script stay as they are. Characters that a reader cannot see, or that would steer the
program, are written out: controls, formatting such as changes of direction, lone surrogates, line and paragraph separators.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TEXT = 300  # characters of a text that `inert` and `one_line` let through
MAX_LINK = 2000
NUM_LISTED, MAX_LISTED = 8, 80  # names in a message, and characters of each

# C0 and C1 controls but tab and line feed, bidirectional formatting, line separators, surrogates, the invisible tag characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
# Characters that chat programs and mail readers take for markup, each as a letter that looks alike and means nothing to them.
_INERT = str.maketrans("@<>&`*_~|[]", "\uff20\u2039\u203a\uff06\u02cb\u2217\uff3f\u223c\u00a6\uff3b\uff3d")
_LIKE_A_BACKTICK = "\u02cb"
_ADDRESS = re.compile(r"(?i)\bwww\.(?=\S)")  # made a link even without a scheme
_LINK = re.compile(r"(?i)https?://[a-z0-9.-]+(?::[0-9]+)?(?:[/?#]|$)", re.ASCII)
# Characters that part columns or lines, or are unseen: C0 and C1 controls, line separators, lone surrogates; and the backslash.
_NOT_IN_CELLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\\\]")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {0x2028: "\\u2028", 0x2029: "\\u2029"}


class _Escapes(dict[int, str]):
    """A table for `str.translate` that keeps printable characters and learns each other character as it comes."""

    def __init__(self, keep: str = "", *, as_json: bool = False) -> None:
        super().__init__({ord(character): character for character in keep})
        self._as_json = as_json

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if not character.isprintable():
            character = json.dumps(character)[1:-1] if self._as_json else character.encode("unicode_escape").decode("ascii")
            if self._as_json and character == "\x7f":
                character = "\\u007f"  # the one control that JSON lets through
        self[code] = character
        return character


_IN_LINE = _Escapes()
_IN_JSON = _Escapes("\n", as_json=True)  # inside strings line ends are escaped by then


def in_line(text: object) -> str:
    r"""One line for a terminal or a log, with every character that cannot be printed as an escape such as `\x1b`."""
    line = str(text)
    return line if line.isprintable() else line.translate(_IN_LINE)


def one_line(text: object) -> str:
    """The words of a text on one line, at most MAX_TEXT characters of it, as `in_line` writes them."""
    return in_line(" ".join(str(text).split())[:MAX_TEXT])


def in_code(text: object) -> str:
    """A text between backticks in Markdown; backticks of its own, which would end it, are replaced by a letter like them."""
    return f"`{' '.join(visible(text).split()).replace('`', _LIKE_A_BACKTICK)}`"


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False, **more: Any) -> str:
    """JSON with printable characters as they are and escapes for the rest, so that any encoding of Unicode can write it.

    `more` goes to `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=sort_keys, **more)
    return text if text.isprintable() else text.translate(_IN_JSON)


def visible(text: object) -> str:
    """The text with every character that hides, reorders or controls other text replaced by its number in brackets."""
    return _HIDDEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", str(text))


def shortened(text: str, length: int) -> str:
    """At most `length` characters, the last an ellipsis if any were left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def excerpt(text: str, length: int) -> str:
    """The start of a document on one line, at most `length` characters: white space is folded, and the cut is between words.

    A script without blanks is cut anywhere.
    """
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    blank = line.rfind(" ", length // 2, length)
    return f"{line[: blank if blank > 0 else length - 1]}…"


def inert(text: object) -> str:
    """Text from outside on one line, without anything that a terminal, a chat program or a mail reader would act on."""
    line = " ".join(visible(text).split())
    return _ADDRESS.sub(r"\g<0> ", shortened(line, MAX_TEXT)).replace("://", ": //").translate(_INERT)


def safe_link(address: object) -> str:
    """An http(s) address that is a link and nothing else wherever it is shown; empty for anything else.

    Characters that an address cannot hold, or that mean something to a chat program, are percent-encoded. An address with a
    login is refused: the part before the @ would be read as the host.
    """
    text = str(address or "").strip()
    if not _LINK.match(text) or len(text) > MAX_LINK or not text.isprintable():
        return ""
    return quote(text, safe="%/:=&?#+!,;$~-._")


def in_cell(word: str) -> str:
    """A word as a cell between tabs holds it: unprintable characters as Python spells them, an empty word as two quotes."""
    return _NOT_IN_CELLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), word) or '""'


def file_name(name: bytes) -> str:
    r"""Write a file name as text: UTF-8 where it is UTF-8, other bytes, control characters and `\` escaped. One to one."""
    return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace").translate(_CONTROL)


def listed(names: Sequence[str]) -> str:
    """Names out of a file, the first eight, as text that can be printed: anybody may have made them."""
    return ", ".join(shortened(in_line(name), MAX_LISTED) for name in names[:NUM_LISTED])
