"""Tables: csv, tsv, JSON lines, Parquet, and lines of `text<delimiter>label`.

`open_table` finds out how a file is to be read, and refuses what cannot be read at all; `table_records` reads it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import RequestError
from tasks.in_use import remedy
from tasks.ingest.columns import Columns, choose_columns, position
from tasks.ingest.encoding import settle
from tasks.ingest.lines import Lines, Row, UnclosedQuotesError, decode_line, plain_rows, quoted_rows
from tasks.ingest.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from tasks.config import IngestConfig

PARQUET = frozenset({".parquet", ".pq"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
QUOTED = {".csv": ",", ".tsv": "\t"}  # delimiters unless declared
TABLES = PARQUET | JSON_LINES | QUOTED.keys()
_COMPRESSED = {b"\x1f\x8b": "gzip", b"PK\3\4": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_SNIFFED_LINES = 100
ROW_SLACK_BYTES = 1 << 20  # of a row beside its text


class Table(NamedTuple):
    """How a delimited file or a file of JSON lines is to be read."""

    path: Path
    encoding: str
    start: int  # byte of the first line
    header: bool
    delimiter: str  # empty: JSON lines
    quoted: bool
    columns: Columns


def row_limit(max_chars: int) -> int:
    """Most bytes of one row: a text of `max_chars` in any encoding, and its other columns."""
    return 4 * max_chars + ROW_SLACK_BYTES


def open_table(path: Path, config: IngestConfig, *, labelled: bool = True) -> Table:
    """Find out how to read a table, Parquet apart; RequestError names what is wrong with the file or the columns asked for."""
    suffix = path.suffix.lower()
    with _open(path) as file:
        head = file.read(4096)
        encoding, start = _encoding(path, config, head)
        first_lines = _first_lines(file, encoding, start, row_limit(config.max_chars))
    if not first_lines:
        raise RequestError(f"{path}: the file is empty")
    if suffix in JSON_LINES:
        columns = choose_columns(path, config, _json_names(path, first_lines), header=True, labelled=labelled)
        columns = columns._replace(text=0, label=1 if labelled else None, number=None)  # as _json_rows gives them
        return Table(path, encoding, start, False, "", False, columns)
    delimiter = _delimiter(path, config, first_lines, needed=labelled)
    quoted = suffix in QUOTED and len(delimiter) == 1
    positions = position(config.text) is not None and (not labelled or position(config.label) is not None)
    header = config.header if config.header is not None else suffix in QUOTED and not positions
    with _open(path) as file:
        lines = Lines(file, encoding, start=_seek(file, start), limit=row_limit(config.max_chars))
        names = _first_fields(path, config, lines, delimiter, quoted=quoted, header=header)
    columns = choose_columns(path, config, names, header=header, labelled=labelled)
    if not quoted and not header and {columns.text, columns.label} == {0, 1}:
        columns = columns._replace(number=2)  # the text may hold the delimiter, in the first row too
    return Table(path, encoding, start, header, delimiter, quoted, columns)


def table_records(table: Table, max_chars: int, split: str | None, prefix: str = "") -> Iterator[Record]:
    """Yield one record for each row; ids are `file name:line`. A row whose label is empty is unlabelled."""
    with _open(table.path) as file:
        lines = Lines(file, table.encoding, start=_seek(file, table.start), limit=row_limit(max_chars))
        try:
            rows = iter(_rows(table, lines))
            if table.header:
                next(rows, None)
            for row in rows:
                yield _record(row, table.columns, prefix + table.path.name, split)
        except UnclosedQuotesError as error:
            raise RequestError(
                f"{table.path}: quotes that never close, the last one in line {error}; is this file quoted? As .txt it is not"
            ) from error


def _rows(table: Table, lines: Lines) -> Iterator[Row]:
    if not table.delimiter:
        return _json_rows(lines, table.columns)
    if table.quoted:
        return quoted_rows(lines, table.delimiter)
    columns = table.columns
    two = columns.number == 2
    return plain_rows(lines, table.delimiter, last=two and columns.label == 1, first=two and columns.label == 0)


def _record(row: Row, columns: Columns, name: str, split: str | None) -> Record:
    identity = f"{name}:{row.number}"
    if row.fields is None:
        return Record(identity, name, row.offset, row.data, reason=row.reason)
    if columns.number is not None and len(row.fields) != columns.number:
        return Record(identity, name, row.offset, row.data, reason="malformed_row")
    label = None if columns.label is None else row.fields[columns.label].strip() or None
    return Record(identity, name, row.offset, row.data, row.fields[columns.text], label, split)


def _json_rows(lines: Lines, columns: Columns) -> Iterator[Row]:
    """Read one JSON object (or array) a line; the row's fields are its text and, if there is a column of labels, its label."""
    wanted = [columns.text_key] if columns.label_key is None else [columns.text_key, columns.label_key]
    while (line := lines.take()) is not None:
        text, bad = decode_line(line, lines.encoding)
        if line.long or bad is not None:
            yield Row(
                line.number, line.offset if bad is None else bad, line.data, None, "too_long" if line.long else "undecodable"
            )
            continue
        if not text.strip():
            continue
        value = _json(text)
        fields = [scalar(_item(value, key)) for key in wanted]
        whole = fields[0] is not None and isinstance(_item(value, wanted[0]), str) and None not in fields
        yield Row(line.number, line.offset, line.data, [field or "" for field in fields] if whole else None, "malformed_row")


def scalar(value: Any) -> str | None:
    """Write a label's value as text: whole numbers without a point, null as nothing; None for lists, objects and the like."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return str(value)
        case _:
            return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _item(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    at = position(key)
    return value[at] if isinstance(value, list) and at is not None and at < len(value) else None


def _json_names(path: Path, first_lines: list[str]) -> list[str]:
    values = [_json(line) for line in first_lines]
    names: dict[str, None] = {}
    for value in values:
        names |= dict.fromkeys(
            map(str, range(len(value))) if isinstance(value, list) else value if isinstance(value, dict) else ()
        )
    if not names:
        raise RequestError(f"{path}: the first lines hold no JSON objects; write one object a line")
    return list(names)


def _first_fields(path: Path, config: IngestConfig, lines: Lines, delimiter: str, *, quoted: bool, header: bool) -> list[str]:
    rows = quoted_rows(lines, delimiter) if quoted else plain_rows(lines, delimiter, last=False, first=False)
    for row in rows:
        if row.fields is not None:
            return row.fields
        if header:
            why = f"cannot be read as {config.encoding} (byte {row.offset})" if row.reason == "undecodable" else "is malformed"
            raise RequestError(
                f"{path}: the first line, which should name the columns, {why}; try --ingest.encoding or --ingest.header"
            )
    raise RequestError(f"{path}: no line can be read; try --ingest.encoding latin-1, or another --ingest.delimiter")


def _delimiter(path: Path, config: IngestConfig, first_lines: list[str], *, needed: bool) -> str:
    if config.delimiter is not None:
        delimiter = "\t" if config.delimiter == "\\t" else config.delimiter
        if set(delimiter) & set('"\r\n'):
            raise RequestError(f"--ingest.delimiter {config.delimiter!r}: quotes and line ends cannot part columns")
        return delimiter
    declared = QUOTED.get(path.suffix.lower())
    if declared:
        return declared
    if 2 * sum("\t" in line for line in first_lines) > len(first_lines) or not needed:
        return "\t"
    raise RequestError(
        f"{path}: say what stands between text and label, such as --ingest.delimiter @, and check --ingest.encoding"
    )


def _first_lines(file: BinaryIO, encoding: str, start: int, limit: int) -> list[str]:
    lines = Lines(file, encoding, start=_seek(file, start), limit=limit)
    texts: list[str] = []
    size = 0
    while len(texts) < _SNIFFED_LINES and size <= limit and (line := lines.take()) is not None:
        size += len(line.data)
        text, _ = decode_line(line, encoding)
        texts += [text] if text.strip() else []
    return texts


def _encoding(path: Path, config: IngestConfig, head: bytes) -> tuple[str, int]:
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            raise RequestError(f"{path}: the file is compressed ({name}); unpack it first")
    try:
        return settle(config.encoding, head)
    except UnicodeDecodeError as error:
        declared = error.reason.rpartition(" ")[2]
        raise RequestError(
            f"{path}: byte 0: {error.reason}, not {config.encoding}; use --ingest.encoding {declared}"
        ) from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        told = remedy(path, error, "check the path and its permissions")
        raise RequestError(f"{path}: cannot be read ({error.strerror}); {told}") from error


def _seek(file: BinaryIO, start: int) -> int:
    file.seek(start)
    return start
