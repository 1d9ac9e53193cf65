"""Tables: csv, tsv, JSON lines, Parquet, lines of `text<delimiter>label`, and fastText's `__label__x text`.

`open_table` finds out how a file is to be read, and refuses what cannot be read at all; `table_records` reads it.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tasks.documents.columns import Columns, choose_columns, joined, positions
from tasks.documents.compressed import DAMAGE, open_plain, plain_suffix
from tasks.documents.encoding import advice, settle
from tasks.documents.fasttext_lines import PREFIX, fasttext_rows
from tasks.documents.json_lines import in_json_rows, json_names, json_rows, keys_of
from tasks.documents.kinds import HEAD_BYTES, kind_of_file
from tasks.documents.lines import Lines, Row, UnclosedQuotesError, decode_line, plain_rows, quoted_rows, quotes_a_field
from tasks.documents.missing import Missing
from tasks.documents.record import Record
from tasks.errors import RequestError
from tasks.in_use import remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from tasks.config import IngestConfig

PARQUET = frozenset({".parquet", ".pq"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
QUOTED = {".csv": ",", ".tsv": "\t"}  # delimiters unless declared
TABLES = PARQUET | JSON_LINES | QUOTED.keys()
ROW_SLACK_BYTES = 1 << 20  # of a row beside its text
_DELIMITERS = (";", "\t", "|", ",")
_USUAL = ("||", "|", "@", ";", "::", ",")  # what else often stands between text and label, the surest first
_EXCEL = re.compile(r'"?sep=(.)"?')  # a first line with which Excel is told the delimiter
_SNIFFED_LINES = 100
ONE_COLUMN = ". It has one column only; text without labels goes to --ingest.unlabelled"

Form = Literal["json", "quoted", "lenient", "plain", "fasttext"]


class Table(NamedTuple):
    """How a delimited file, a file of JSON lines or of fastText's lines is to be read.

    `first` are the fields of the header, or of the first row where there is none.
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


def open_table(path: Path, config: IngestConfig, *, labelled: bool = True, keep: bool | Sequence[str] = False) -> Table:
    """Find out how to read a table, Parquet apart; with `keep` records hold the other columns too.

    Of JSON lines these are the keys of the first lines, and those that `keep` names.

    RequestError names what is wrong with the file or the columns asked for.
    """
    suffix, limit = plain_suffix(path), row_limit(config.max_chars)
    missing = Missing(config.missing)
    with whole(path), _open(path) as file:
        head = file.read(HEAD_BYTES)
        encoding, start = _encoding(path, config, head)
        first_lines = sniff(path, file, encoding, start, limit)
    if not first_lines:
        raise RequestError(f"{path}: the file is empty")
    if suffix in JSON_LINES:
        keys = json_names(path, first_lines, config)
        try:
            columns = choose_columns(path, config, keys, header=True, labelled=labelled)
        except RequestError:  # a key may begin after the first lines
            keys = list(dict.fromkeys([*keys, *_json_keys(path, encoding, start, limit)]))
            columns = choose_columns(path, config, keys, header=True, labelled=labelled)
        named = () if isinstance(keep, bool) else keep
        columns = in_json_rows(columns.with_rest(list(dict.fromkeys([*keys, *named]))) if keep else columns)
        return Table(path, encoding, start, False, "", "json", columns, missing)
    if _is_fasttext(suffix, config, first_lines):
        return Table(path, encoding, start, False, "", "fasttext", Columns((0,), 1 if labelled else None, None), missing)
    delimiter = _delimiter(path, config, first_lines, needed=labelled)
    form = _form(suffix, delimiter, config, first_lines)
    with whole(path), _open(path) as file:
        lines = Lines(file, encoding, start=_seek(file, start), limit=limit)
        names, begins = _first_fields(path, config, lines, delimiter, form, first_lines)
    header = _has_header(suffix, config, names, labelled=labelled)
    if header and not begins:
        raise RequestError(
            f"{path}: the first line, which should name the columns, cannot be read; try --ingest.encoding or --ingest.header"
        )
    try:
        columns = choose_columns(path, config, names, header=header, labelled=labelled)
    except RequestError as error:
        raise _explained(path, config, error, first_lines, names, delimiter, header=header) from None
    columns = columns.with_rest(names if header else [str(at) for at in range(len(names))]) if keep else columns
    if form == "plain" and not header and (*columns.texts, columns.label) in ((0, 1), (1, 0)):
        columns = columns._replace(number=2)  # the text may hold the delimiter, in the first row too
    return Table(path, encoding, start, header, delimiter, form, columns, missing, tuple(name.strip() for name in names))


def every_key(table: Table, max_chars: int) -> list[str]:
    """The other columns of a table; of JSON lines, which are read to their end for it, every key that occurs."""
    columns = table.columns
    if table.form != "json":
        return list(columns.rest_keys)
    found = _json_keys(table.path, table.encoding, table.start, row_limit(max_chars))
    return [key for key in dict.fromkeys([*columns.rest_keys, *found]) if key not in columns.text_keys]


def _json_keys(path: Path, encoding: str, start: int, limit: int) -> dict[str, None]:
    with whole(path), _open(path) as file:
        return keys_of(Lines(file, encoding, start=_seek(file, start), limit=limit))


def table_records(
    table: Table, max_chars: int, split: str | None, prefix: str = "", say: Callable[[str], None] | None = None
) -> Iterator[Record]:
    """Yield one record for each row; ids are `file name:line`. A row whose label is missing is unlabelled.

    `say` is told in a line what a user should look at.
    """
    swallowed: Row | None = None
    number = 0
    with whole(table.path), _open(table.path) as file:
        lines = Lines(file, table.encoding, start=_seek(file, table.start), limit=row_limit(max_chars))
        try:
            rows = iter(_rows(table, lines))
            if table.header:
                next(rows, None)
            for row in rows:
                if row.swallowed:
                    swallowed, number = swallowed or row, number + 1
                yield _record(row, table, prefix + table.path.name, split)
        except UnclosedQuotesError as error:
            raise RequestError(
                f"{table.path}: quotes that never close, the last one in line {error}; if quotes are characters of the text "
                "here, use --ingest.quoting none"
            ) from error
    if say is not None and swallowed is not None:
        more = f", and {number - 1:,} rows like it" if number > 1 else ""
        say(
            f"{table.path}: line {swallowed.number} begins a quoted text that holds the next {swallowed.swallowed:,} lines, "
            f"which look like rows{more}; if quotes are characters of the text here, use --ingest.quoting none"
        )


def _rows(table: Table, lines: Lines) -> Iterator[Row]:
    columns = table.columns
    match table.form:
        case "json":
            return json_rows(lines, columns, table.missing)
        case "fasttext":
            return fasttext_rows(lines)
        case "quoted" | "lenient":
            return quoted_rows(lines, table.delimiter, columns=columns.number, lenient=table.form == "lenient")
        case "plain":
            two = columns.number == 2
            return plain_rows(lines, table.delimiter, last=two and columns.label == 1, first=two and columns.label == 0)


def _record(row: Row, table: Table, name: str, split: str | None) -> Record:
    columns, fields = table.columns, row.fields
    identity = f"{name}:{row.number}"
    if fields is None:
        return Record(identity, name, row.offset, row.data, reason=row.reason, detail=row.detail)
    if columns.number is not None and len(fields) != columns.number:
        detail = _width(fields, columns.number, header=table.header)
        return Record(identity, name, row.offset, row.data, reason="malformed_row", detail=detail)
    if table.header and _repeats_header(fields, table.first):
        return Record(identity, name, row.offset, row.data, reason="header")
    label = None
    if columns.label is not None and not table.missing.cell(fields[columns.label]):
        label = fields[columns.label].strip()
    if len(columns.texts) == 1:
        text = fields[columns.texts[0]]
        text = "" if table.missing.cell(text) else text
    else:
        text = joined([fields[at] for at in columns.texts if not table.missing.cell(fields[at])])
    rest = tuple(fields[at] for at in columns.rest)
    return Record(identity, name, row.offset, row.data, text, label, split, rest=rest)


def _repeats_header(fields: list[str], header: tuple[str, ...]) -> bool:
    """Whether a row's fields are the names of the columns, in any case."""
    first = fields[0].strip()
    if len(first) > 2 * len(header[0]) or first.casefold() != header[0].casefold():
        return False
    return [field.strip().casefold() for field in fields] == [name.casefold() for name in header]


def _width(fields: list[str], number: int, *, header: bool) -> str:
    """What is wrong with a row of another width."""
    said = f"{len(fields)} column{'s' * (len(fields) != 1)}, where {'the header' if header else 'a row'} has {number}"
    if any(field.startswith((' "', '\t"')) for field in fields):
        said += "; a quote after a blank quotes nothing, so leave no blank between the delimiter and the quote"
    return said


def _is_fasttext(suffix: str, config: IngestConfig, first_lines: list[str]) -> bool:
    """Whether lines begin with `__label__`, as fastText writes them; a table's own column of such labels is no sign."""
    begin = [line.lstrip().startswith(PREFIX) for line in first_lines]
    if 2 * sum(begin) <= len(begin) or config.header:
        return False
    if config.delimiter not in (None, " ", "\t", "\\t"):
        return False
    return suffix not in QUOTED or (suffix == ".tsv" and begin[0])


def _form(suffix: str, delimiter: str, config: IngestConfig, first_lines: list[str]) -> Form:
    """How quotes are to be read: as the request says; else they quote in a .csv, and in a .tsv where they can.

    A .tsv in which most lines, or the header, quote a field is one whose quotes are no text.
    """
    if config.quoting == "none" or len(delimiter) != 1 or (config.quoting == "auto" and suffix not in QUOTED):
        return "plain"
    if config.quoting == "standard" or delimiter != "\t":
        return "quoted"
    quoting = [quotes_a_field(line, delimiter) for line in first_lines]
    return "quoted" if quoting[0] or 2 * sum(quoting) > len(quoting) else "lenient"


def _has_header(suffix: str, config: IngestConfig, names: list[str], *, labelled: bool) -> bool:
    if config.header is not None:
        return config.header
    if suffix not in QUOTED:
        return False
    if positions(config.text) is None or (labelled and positions(config.label) is None):
        return True
    numbers = [name.strip() for name in names]
    if not numbers[0]:  # pandas names the columns of a list 0, 1, ..., and the index before them not at all
        numbers = numbers[1:]
    return len(numbers) > 1 and numbers == [str(at) for at in range(len(numbers))]


def _first_fields(
    path: Path, config: IngestConfig, lines: Lines, delimiter: str, form: Form, first_lines: list[str]
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
    other = _other_delimiter(config, first_lines, delimiter, alone=True)
    told = other or f"no line can be read with {delimiter!r}; try another --ingest.delimiter or --ingest.quoting none"
    raise RequestError(f"{path}: {told}")


def _explained(
    path: Path,
    config: IngestConfig,
    error: RequestError,
    first_lines: list[str],
    names: list[str],
    delimiter: str,
    *,
    header: bool,
) -> RequestError:
    """What more is to say of columns that are not there: another delimiter, or a first row that is no header."""
    if (other := _other_delimiter(config, first_lines, delimiter, alone=len(names) == 1)) is not None:
        return RequestError(f"{path}: {other}")
    if not header or config.header:
        return error
    if len(names) == 1:
        return RequestError(f"{error}{ONE_COLUMN}")
    return RequestError(
        f"{error}; these are the first row, and if it is no header: --ingest.header false, with positions from 0"
    )


def _other_delimiter(config: IngestConfig, first_lines: list[str], delimiter: str, *, alone: bool) -> str | None:
    """Say which other delimiter the first lines show: one that gives the columns asked for, or, for an `alone` one, any."""
    if told := _EXCEL.fullmatch(first_lines[0].strip()):
        return f"its first line, {told[0]}, is for Excel; remove it and use --ingest.delimiter '{told[1]}'"
    for other in _DELIMITERS:
        parts = [part.strip().strip('"') for part in first_lines[0].split(other)]
        alike = alone and len(parts) > 1 and all(line.count(other) >= len(parts) - 1 for line in first_lines)
        if other != delimiter and (alike or {config.text, config.label} <= set(parts)):
            shown = r"'\t'" if other == "\t" else f"'{other}'"
            return f"{other!r} stands between its columns, not {delimiter!r}; use --ingest.delimiter {shown}"
    return None


def _delimiter(path: Path, config: IngestConfig, first_lines: list[str], *, needed: bool) -> str:
    if config.delimiter is not None:
        delimiter = "\t" if config.delimiter == "\\t" else config.delimiter
        if set(delimiter) & set('"\r\n'):
            raise RequestError(f"--ingest.delimiter {config.delimiter!r}: quotes and line ends cannot part columns")
        return delimiter
    declared = QUOTED.get(plain_suffix(path))
    if declared:
        return declared
    if 2 * sum("\t" in line for line in first_lines) > len(first_lines) or not needed:
        return "\t"
    seen = next((mark for mark in _USUAL if all(mark in line for line in first_lines)), None)
    told = f"{seen!r} is in each line: --ingest.delimiter {shlex.quote(seen)}" if seen else "such as --ingest.delimiter @"
    raise RequestError(
        f"{path}: say what stands between text and label ({told}), and check --ingest.encoding; text without labels goes to "
        "--ingest.unlabelled"
    )


def sniff(path: Path, file: BinaryIO, encoding: str, start: int, limit: int) -> list[str]:
    """Read the first lines that are not blank; RequestError if most are not in this encoding, or if they are no lines."""
    lines = Lines(file, encoding, start=_seek(file, start), limit=limit)
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
        told = advice(_head(file, start), "--ingest.encoding")
        raise RequestError(f"{path}: its text is full of NUL bytes, as UTF-16 is when it is read as {encoding}; {told}")
    if 2 * len(undecodable) > len(texts):
        told = advice(b"\n".join(undecodable), "--ingest.encoding")
        raise RequestError(
            f"{path}: byte {first_bad} of {path.name} is not {encoding}, nor are {len(undecodable):,} of the first "
            f"{len(texts):,} lines; {told}"
        )
    if len(texts) == 1 and "\r" in texts[0].rstrip("\r"):
        raise RequestError(f"{path}: its lines end in CR alone, as on old Macs; save it with LF (or CR LF) line ends")
    return texts


def _head(file: BinaryIO, start: int) -> bytes:
    _seek(file, start)
    return file.read(HEAD_BYTES)


def _encoding(path: Path, config: IngestConfig, head: bytes) -> tuple[str, int]:
    kind = kind_of_file(path, head)
    if kind is not None:
        raise RequestError(f"{path}: this file is {kind.words}; {kind.remedy}")
    try:
        return settle(config.encoding, head)
    except UnicodeDecodeError as error:
        declared = error.reason.rpartition(" ")[2]
        raise RequestError(
            f"{path}: byte 0: {error.reason}, not {config.encoding}; use --ingest.encoding {declared}"
        ) from error


def _open(path: Path) -> BinaryIO:
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


def _seek(file: BinaryIO, start: int) -> int:
    file.seek(start)
    return start
