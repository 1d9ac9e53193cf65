"""Cut a file into lines and lines into rows, so that one bad record costs one record.

Lines end at `\\n` alone: U+0085, U+2028 and form feeds occur inside texts. Work and memory are bounded for any input: a line
longer than the limit is skipped to its end, and a quote that never closes costs its own line.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tasks.documents.reasons import QUARANTINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
MAX_UNCLOSED = 100  # quotes that never close; each makes the reader look ahead, and a file with so many does not quote fields
LOOK_AHEAD = 100  # lines after which a row that turns out to be malformed counts as one of them


class UnclosedQuotesError(Exception):
    """The file is not quoted the way its suffix says; the message is the number of the last such line."""


class Readable(Protocol):
    """Something that gives its bytes forward, as an open file does."""

    def read(self, size: int, /) -> bytes:
        """Give at most `size` bytes, none at the end only."""


class Line(NamedTuple):
    """One line without its end: number from 1, byte offset in the file; of a `long` one only the beginning is kept."""

    number: int
    offset: int
    data: bytes
    long: bool = False


class Row(NamedTuple):
    """One row of a table: its fields, or the reason why it has no fields. `offset` is that of the row, or of a bad byte.

    `detail` says more about a reason; `swallowed` counts lines that a quoted field holds and that look like rows.
    """

    # Not yet a Record: which cells are text and label is known only to whoever chose the columns, and a list of cells for each
    # line is what these loops can give fastest.
    number: int
    offset: int
    data: bytes
    fields: list[str] | None
    reason: str | None = None
    detail: str = ""
    swallowed: int = 0


class Lines:
    """The lines of a file that is open at byte `start`; a few can be given back and are then taken again."""

    def __init__(self, file: Readable, encoding: str, *, start: int, limit: int) -> None:
        self.encoding = encoding
        self.limit = limit
        self._waiting: deque[Line] = deque()
        self._lines = _physical_lines(file, "\n".encode(encoding), "\r".encode(encoding), start, limit)

    def take(self) -> Line | None:
        """Give the next line, or None at the end."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def give_back(self, lines: list[Line]) -> None:
        """Have these lines taken again, in this order, before any other."""
        self._waiting.extendleft(reversed(lines))


def _physical_lines(file: Readable, newline: bytes, ending: bytes, start: int, limit: int) -> Iterator[Line]:
    width = len(newline)
    held, offset, number = bytearray(), start, 1  # held[0] is the file's byte `offset`
    long: tuple[int, bytes] | None = None  # where the present line began and its first bytes, once it is too long
    while piece := file.read(_CHUNK):
        held += piece
        begin = 0
        while (end := _find(held, newline, begin)) >= 0:
            if long is not None:
                yield Line(number, *long, True)
            elif end - begin > limit:
                yield Line(number, offset + begin, bytes(held[begin : min(end, begin + QUARANTINE_BYTES)]), True)
            else:
                yield Line(number, offset + begin, bytes(held[begin:end]).removesuffix(ending))
            begin, number, long = end + width, number + 1, None
        if len(held) - begin > limit:
            long = long or (offset + begin, bytes(held[begin : begin + QUARANTINE_BYTES]))
            begin += (len(held) - begin) // width * width
        del held[:begin]
        offset += begin
    if long is not None:
        yield Line(number, *long, True)
    elif held:
        yield Line(number, offset, bytes(held).removesuffix(ending))


def _find(held: bytearray, newline: bytes, begin: int) -> int:
    """Find the next line end that is a whole character: in UTF-16 the byte 0x0A occurs inside others."""
    width = len(newline)
    at = held.find(newline, begin)
    while at >= 0 and (at - begin) % width:
        at = held.find(newline, at + 1)
    return at


def decode_line(line: Line, encoding: str) -> tuple[str, int | None]:
    """Decode a line; with bytes that do not decode, a replacement and the offset of the first bad one.

    A byte order mark at its beginning, which is left where files were joined, is removed.
    """
    try:
        return line.data.decode(encoding).removeprefix("\ufeff"), None
    except UnicodeError as error:
        bad = line.offset + getattr(error, "start", 0)  # idna and punycode do not always say where
        try:
            return line.data.decode(encoding, "replace"), bad
        except UnicodeError:  # nor do they replace everything
            return "", bad


def plain_rows(lines: Lines, delimiter: str, *, last: bool, first: bool) -> Iterator[Row]:
    """Cut each line at every delimiter; or only at the `last` one, or only at the `first`. Quotes mean nothing."""
    while (line := lines.take()) is not None:
        text, bad = decode_line(line, lines.encoding)
        if line.long or bad is not None:
            yield _bad(line, bad)
        elif text.strip():
            fields = text.rsplit(delimiter, 1) if last else text.split(delimiter, 1 if first else -1)
            yield Row(line.number, line.offset, line.data, fields)


def quoted_rows(lines: Lines, delimiter: str, *, columns: int | None = None, lenient: bool = False) -> Iterator[Row]:
    """Cut lines as RFC 4180 says; a quoted field may hold delimiters, quotes and line ends. Blank lines are left out.

    `columns`: how many a row has, where that is known. `lenient`: a quote that does not close within its line is a character of
    the text if the line quotes no other field and it, and each line up to a quote that would close it, has a row's columns.
    """
    unclosed = 0
    csv.field_size_limit(max(csv.field_size_limit(), 4 * lines.limit))
    while (line := lines.take()) is not None:
        text, bad = decode_line(line, lines.encoding)
        if line.long or (bad is not None and '"' not in text):
            yield _bad(line, bad)
        elif '"' not in text:
            if text.strip():
                yield Row(line.number, line.offset, line.data, text.split(delimiter))
        else:
            row, taken, ended = _quoted_row(lines, line, text, bad, delimiter)
            doubtful = len(taken) > 1 or (lenient and (row.fields is None or len(row.fields) != columns))
            if doubtful and bad is None and _like_rows(taken, lines.encoding, delimiter, columns):
                if lenient and not (len(taken) > 1 and quotes_a_field(text, delimiter)):
                    lines.give_back(taken[1:])
                    row, ended = Row(line.number, line.offset, line.data, text.split(delimiter)), True
                elif row.fields is not None:
                    row = row._replace(swallowed=len(taken) - 1)
            yield row
            unclosed += not ended
            if unclosed > MAX_UNCLOSED:
                raise UnclosedQuotesError(str(line.number))


def quotes_a_field(text: str, delimiter: str) -> bool:
    """Whether a field that both begins and ends with a quote is in this line, as in a file whose fields are all quoted."""
    begin = 0 if text.startswith('"') else text.find(f'{delimiter}"') + 1
    return (begin > 0 or text.startswith('"')) and f'"{delimiter}' in text[begin + 1 :]


def _like_rows(taken: list[Line], encoding: str, delimiter: str, columns: int | None) -> bool:
    """Whether each line of a row looks like one of its own: all its columns and, as prose has delimiters too, no sign of that.

    Signs of prose are blank lines, a blank at the beginning of a line and one after a delimiter. Tabs are seldom in prose.
    """
    if columns is None or columns < 2:
        return False
    texts = [decode_line(line, encoding)[0] for line in taken]
    if delimiter == "\t":
        texts = [text for text in texts if text.strip()]
    elif any(text[:1].isspace() or not text or f"{delimiter} " in text for text in texts):
        return False
    return all(text.count(delimiter) == columns - 1 for text in texts)


def _quoted_row(lines: Lines, first: Line, text: str, bad: int | None, delimiter: str) -> tuple[Row, list[Line], bool]:
    """Read a row that begins with line `first`: the row, its lines, and whether its quotes close.

    If they do not, the first line alone is used up.
    """
    taken, size, closed = [first], len(first.data), True

    def feed() -> Iterator[str]:
        nonlocal bad, size, closed
        yield text + "\n"
        while (line := lines.take()) is not None:
            taken.append(line)
            size += len(line.data)
            if line.long or size > lines.limit:
                break
            more, worse = decode_line(line, lines.encoding)
            bad = worse if bad is None else bad
            yield more + "\n"
        closed = False

    try:
        fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
    except csv.Error:
        first_bad = bad if bad is not None and bad < first.offset + len(first.data) else None
        lines.give_back(taken[1:])
        reason = "malformed_row" if first_bad is None else "undecodable"
        detail = "a quoted field ends before its column does" if closed else "its quotes do not close"
        row = Row(first.number, first.offset if first_bad is None else first_bad, first.data, None, reason, detail)
        return row, [first], closed and len(taken) <= LOOK_AHEAD
    data = b"\n".join(line.data for line in taken)
    if bad is not None:
        return Row(first.number, bad, data, None, "undecodable"), taken, True
    return Row(first.number, first.offset, data, fields), taken, True


def _bad(line: Line, bad: int | None) -> Row:
    if line.long:
        return Row(line.number, line.offset, line.data, None, "too_long")
    return Row(line.number, line.offset if bad is None else bad, line.data, None, "undecodable")
