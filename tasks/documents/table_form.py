"""How a table is to be read: csv, tsv, JSON lines, lines of `text<delimiter>label`, and fastText's `__label__x text`.

`open_table` finds it out from the first lines, and refuses a file that cannot be read at all; `layouts/table.py` reads it.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tasks.documents.columns import Columns, choose_columns, positions
from tasks.documents.compressed import DAMAGE, open_plain, plain_suffix
from tasks.documents.encoding import advice, settle
from tasks.documents.fasttext_lines import PREFIX
from tasks.documents.json_lines import in_json_rows, json_names, keys_of
from tasks.documents.kinds import HEAD_BYTES, kind_of_file
from tasks.documents.lines import Lines, decode_line, plain_rows, quoted_rows, quotes_a_field
from tasks.documents.missing import Missing
from tasks.documents.sheets import WORKBOOKS
from tasks.errors import RequestError
from tasks.in_use import remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from tasks.documents.reading import Reading

PARQUET = frozenset({".parquet", ".pq"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
QUOTED = {".csv": ",", ".tsv": "\t"}  # delimiters unless declared
TABLES = PARQUET | JSON_LINES | QUOTED.keys() | WORKBOOKS
ROW_SLACK_BYTES = 1 << 20  # of a row beside its text
_DELIMITERS = (";", "\t", "|", ",")
_USUAL = ("||", "|", "@", ";", "::", ",")  # other usual marks between text and label, the surest first
_EXCEL = re.compile(r'"?sep=(.)"?')  # a first line with which Excel is told the delimiter
_SNIFFED_LINES = 100

Form = Literal["json", "quoted", "lenient", "plain", "fasttext"]


class Table(NamedTuple):
    """How a delimited file, a file of JSON lines or of fastText's lines is to be read.

    `first` are the fields of the header, or of the first row if there is no header.
    """

    path: Path
    encoding: str
    start: int  # byte of the first line
    header: bool
    delimiter: str
    form: Form
    columns: Columns
    missing: Missing
    first: tuple[str, ...] = ()


def row_limit(max_chars: int) -> int:
    """Most bytes of one row: a text of `max_chars` in any encoding, and its other columns."""
    return 4 * max_chars + ROW_SLACK_BYTES


def open_table(path: Path, reading: Reading) -> Table:
    """Find out how to read a table other than Parquet; RequestError for a wrong file or wrong columns."""
    suffix, limit, flags = plain_suffix(path), row_limit(reading.max_chars), reading.flags
    with whole(path), open_bytes(path) as file:
        head = file.read(HEAD_BYTES)
        encoding, start = encoding_of(path, reading, head)
        first_lines = sniff(path, file, encoding, start, reading)
    if not first_lines:
        raise RequestError(f"{path}: the file is empty")
    if suffix in JSON_LINES:
        return _json_table(path, reading, encoding, start, first_lines)
    missing, two = Missing(reading.missing), reading.second != "none"
    if _is_fasttext(suffix, reading, first_lines):
        if reading.named:
            raise RequestError(f"{path}: fastText's lines have no further columns; leave {flags.keep} out")
        return Table(path, encoding, start, False, "", "fasttext", Columns((0,), 1 if two else None, None), missing)
    delimiter = _delimiter(path, reading, first_lines)
    form = _form(suffix, delimiter, reading, first_lines)
    with whole(path), open_bytes(path) as file:
        lines = Lines(file, encoding, start=seek(file, start), limit=limit)
        names, begins = _first_fields(path, reading, lines, delimiter, form, first_lines)
    header = has_header(suffix, reading, names)
    if header and not begins:
        raise RequestError(
            f"{path}: the first line, which should name the columns, cannot be read; try {flags.encoding} or {flags.no_header}"
        )
    try:
        columns = choose_columns(path, reading, names, header=header)
    except RequestError as error:
        raise _explained(path, reading, error, first_lines, names, delimiter, header=header) from None
    if reading.keep != "none":
        columns = columns.with_rest(names if header else [str(at) for at in range(len(names))])
    if form == "plain" and not header and not columns.rest and (*columns.texts, columns.second) in ((0, 1), (1, 0)):
        columns = columns._replace(number=2)  # the text may hold the delimiter, in the first row too
    return Table(path, encoding, start, header, delimiter, form, columns, missing, tuple(name.strip() for name in names))


def _json_table(path: Path, reading: Reading, encoding: str, start: int, first_lines: list[str]) -> Table:
    """A table of JSON lines, by the keys of its first lines; by all keys if the reading keeps them or asks for another one."""
    names = json_names(path, first_lines, reading)

    def every_name() -> list[str]:
        with whole(path), open_bytes(path) as file:
            found = keys_of(Lines(file, encoding, start=seek(file, start), limit=row_limit(reading.max_chars)))
        return list(dict.fromkeys([*names, *found]))

    names = every_name() if reading.keep == "all" else names
    try:
        columns = choose_columns(path, reading, names, header=True)
    except RequestError:
        if reading.keep == "all":
            raise
        names = every_name()  # a key may begin after the first lines
        columns = choose_columns(path, reading, names, header=True)
    columns = in_json_rows(columns.with_rest(names) if reading.keep != "none" else columns)
    return Table(path, encoding, start, False, "", "json", columns, Missing(reading.missing))


def _is_fasttext(suffix: str, reading: Reading, first_lines: list[str]) -> bool:
    """Whether lines begin with `__label__`, as fastText writes them; a table may have a column of such labels, too."""
    begin = [line.lstrip().startswith(PREFIX) for line in first_lines]
    if 2 * sum(begin) <= len(begin) or reading.header:
        return False
    if reading.delimiter not in (None, " ", "\t", "\\t"):
        return False
    return suffix not in QUOTED or (suffix == ".tsv" and begin[0])


def _form(suffix: str, delimiter: str, reading: Reading, first_lines: list[str]) -> Form:
    """How quotes are to be read: as the request says; else they quote in a .csv, and in a .tsv where they can.

    A .tsv in which most lines, or the header, quote a field is one whose quotes are not text.
    """
    if reading.quoting == "none" or len(delimiter) != 1 or (reading.quoting == "auto" and suffix not in QUOTED):
        return "plain"
    if reading.quoting == "standard" or delimiter != "\t":
        return "quoted"
    quoting = [quotes_a_field(line, delimiter) for line in first_lines]
    return "quoted" if quoting[0] or 2 * sum(quoting) > len(quoting) else "lenient"


def has_header(suffix: str, reading: Reading, names: list[str]) -> bool:
    """Whether the first row, `names`, names the columns."""
    if reading.header is not None:
        return reading.header
    if suffix not in QUOTED:
        return False
    if positions(reading.text) is None or (reading.second != "none" and positions(reading.label) is None):
        return True
    numbers = [name.strip() for name in names]
    if not numbers[0]:  # pandas names the columns of a list 0, 1, ..., and the index before them not at all
        numbers = numbers[1:]
    return len(numbers) > 1 and numbers == [str(at) for at in range(len(numbers))]


def _first_fields(
    path: Path, reading: Reading, lines: Lines, delimiter: str, form: Form, first_lines: list[str]
) -> tuple[list[str], bool]:
    """The fields of the first row that can be read, and whether it is the first of all."""
    if form == "plain":
        rows = plain_rows(lines, delimiter, last=False, first=False)
    else:
        usual = Counter(line.count(delimiter) for line in first_lines).most_common(1)[0][0] + 1
        rows = quoted_rows(lines, delimiter, columns=usual, lenient=form == "lenient")
    for number, row in enumerate(rows):
        if row.fields is not None:
            return row.fields, not number
    other = _other_delimiter(reading, first_lines, delimiter, alone=True)
    flags = reading.flags
    told = other or f"no line can be read with {delimiter!r}; try another {flags.delimiter} or {flags.quoting} none"
    raise RequestError(f"{path}: {told}")


def _explained(
    path: Path,
    reading: Reading,
    error: RequestError,
    first_lines: list[str],
    names: list[str],
    delimiter: str,
    *,
    header: bool,
) -> RequestError:
    """The error about missing columns, with its likely cause: another delimiter, or a first row that is not a header."""
    if (other := _other_delimiter(reading, first_lines, delimiter, alone=len(names) == 1)) is not None:
        return RequestError(f"{path}: {other}")
    if not header or reading.header:
        return error
    if len(names) == 1:
        return RequestError(f"{error}. It has one column only{_elsewhere(reading)}")
    return RequestError(
        f"{error}; these are the first row, and if it is not a header: {reading.flags.no_header}, with positions from 0"
    )


def _elsewhere(reading: Reading) -> str:
    """Where text without labels goes, if the caller takes it somewhere else."""
    return f"; text without labels goes to {reading.flags.unlabelled}" if reading.flags.unlabelled else ""


def _other_delimiter(reading: Reading, first_lines: list[str], delimiter: str, *, alone: bool) -> str | None:
    """Say which other delimiter the first lines show: one that gives the columns asked for, or, for an `alone` one, any."""
    if told := _EXCEL.fullmatch(first_lines[0].strip()):
        return f"its first line, {told[0]}, is for Excel; remove it and use {reading.flags.delimiter} '{told[1]}'"
    asked = {reading.text} if reading.second == "none" else {reading.text, reading.label}
    for other in _DELIMITERS:
        parts = [part.strip().strip('"') for part in first_lines[0].split(other)]
        alike = alone and len(parts) > 1 and all(line.count(other) >= len(parts) - 1 for line in first_lines)
        if other != delimiter and (alike or asked <= set(parts)):
            shown = r"'\t'" if other == "\t" else f"'{other}'"
            return f"{other!r} separates its columns, not {delimiter!r}; use {reading.flags.delimiter} {shown}"
    return None


def _delimiter(path: Path, reading: Reading, first_lines: list[str]) -> str:
    flags = reading.flags
    if reading.delimiter is not None:
        delimiter = "\t" if reading.delimiter == "\\t" else reading.delimiter
        if set(delimiter) & set('"\r\n'):
            raise RequestError(f"{flags.delimiter} {reading.delimiter!r}: quotes and line ends cannot separate columns")
        return delimiter
    declared = QUOTED.get(plain_suffix(path))
    if declared:
        return declared
    if 2 * sum("\t" in line for line in first_lines) > len(first_lines) or reading.second == "none":
        return "\t"
    seen = next((mark for mark in _USUAL if all(mark in line for line in first_lines)), None)
    told = f"{seen!r} is in each line: {flags.delimiter} {shlex.quote(seen)}" if seen else f"such as {flags.delimiter} @"
    raise RequestError(
        f"{path}: say what separates text and {reading.second} ({told}), and check {flags.encoding}{_elsewhere(reading)}"
    )


def sniff(path: Path, file: BinaryIO, encoding: str, start: int, reading: Reading) -> list[str]:
    """Read the first lines that are not blank; RequestError if most are not in this encoding, or if there are no line ends."""
    limit, flag = row_limit(reading.max_chars), reading.flags.encoding
    lines = Lines(file, encoding, start=seek(file, start), limit=limit)
    texts: list[str] = []
    undecodable: list[bytes] = []
    size, first_bad = 0, 0
    while len(texts) < _SNIFFED_LINES and size <= limit and (line := lines.take()) is not None:
        size += len(line.data)
        text, bad = decode_line(line, encoding)
        if bad is not None:
            first_bad = first_bad if undecodable else bad
            undecodable.append(line.data)
        texts += [text] if text.strip() else []
    if texts and texts[0].count("\0") * 3 > len(texts[0]) and not encoding.startswith(("utf-16", "utf-32")):
        told = advice(_head(file, start), flag)
        raise RequestError(f"{path}: its text is full of NUL bytes, as UTF-16 is when it is read as {encoding}; {told}")
    if 2 * len(undecodable) > len(texts):
        told = advice(b"\n".join(undecodable), flag)
        raise RequestError(
            f"{path}: byte {first_bad} of {path.name} is not {encoding}, nor are {len(undecodable):,} of the first "
            f"{len(texts):,} lines; {told}"
        )
    if len(texts) == 1 and "\r" in texts[0].rstrip("\r"):
        raise RequestError(f"{path}: its lines end in CR alone, as on old Macs; save it with LF (or CR LF) line ends")
    return texts


def _head(file: BinaryIO, start: int) -> bytes:
    seek(file, start)
    return file.read(HEAD_BYTES)


def encoding_of(path: Path, reading: Reading, head: bytes) -> tuple[str, int]:
    """The codec of a file of lines and its first byte behind a byte order mark; RequestError if it is not text."""
    kind = kind_of_file(path, head)
    if kind is not None:
        raise RequestError(f"{path}: this file is {kind.words}; {kind.remedy}")
    try:
        return settle(reading.encoding, head)
    except UnicodeDecodeError as error:
        declared = error.reason.rpartition(" ")[2]
        raise RequestError(
            f"{path}: byte 0: {error.reason}, not {reading.encoding}; use {reading.flags.encoding} {declared}"
        ) from error


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, decompressed; RequestError if it cannot be read."""
    try:
        return open_plain(path)
    except OSError as error:
        told = remedy(path, error, "check the path and its permissions")
        raise RequestError(f"{path}: cannot be read ({error.strerror}); {told}") from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[None]:
    """RequestError in place of what reading a damaged compressed file raises."""
    try:
        yield
    except DAMAGE as error:
        why = str(error) or type(error).__name__
        raise RequestError(f"{path}: the compressed file is damaged or cut off ({why}); get a whole copy") from error


def seek(file: BinaryIO, start: int) -> int:
    """Go to a byte of a file, and give its number."""
    file.seek(start)
    return start
