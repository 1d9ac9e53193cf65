"""A table in one file: csv, tsv, JSON lines, Parquet, a workbook's sheet, lines of `text<delimiter>label`, fastText's lines."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.documents.columns import joined
from tasks.documents.fasttext_lines import fasttext_rows
from tasks.documents.json_lines import json_rows
from tasks.documents.layout import Asked, Layout, Notes
from tasks.documents.lines import Lines, Row, UnclosedQuotesError, plain_rows, quoted_rows
from tasks.documents.partitions import partitions_of
from tasks.documents.reasons import REASONS
from tasks.documents.record import Record
from tasks.documents.sheets import WORKBOOKS, Sheet
from tasks.documents.spelling import spelled
from tasks.documents.table_form import PARQUET, TABLES, Table, open_bytes, open_table, row_limit, seek, whole
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.documents.arrow_rows import ArrowColumns
    from tasks.documents.reading import Flags

_FIRST_ROWS = 100  # that are looked at before the corpus is read
_FIRST_BYTES = 4 << 20
_WORDS_OF_A_NAME, _CHARS_OF_A_NAME = 3, 40  # the name of a column does not have more
_FEW = 10  # rows; fewer prove nothing
_HEADERS = 3  # rows of a class that may be a header in the middle of joined files


class TableLayout(Layout):
    """One row for each document; the columns are those of the reading."""

    name = "table"
    suffixes = TABLES
    note = "for a file"
    has_columns = True
    joins = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        if self.path.is_dir():
            source = f"{asked.reading.flags.source} folder"
            raise RequestError(f"{asked.option} {self.path}: a folder; give the table's file, or {source}")
        suffix = self.path.suffix.lower()
        self.is_parquet, self.is_sheet = suffix in PARQUET, suffix in WORKBOOKS
        self.has_lines = not (self.is_parquet or self.is_sheet)
        if self.has_lines:
            self.encoding, self.encoding_flag = asked.reading.encoding, asked.reading.flags.encoding

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """Any file."""
        return asked.path is not None and not asked.path.is_dir()

    @cached_property
    def table(self) -> Table:
        """How the file is to be read; RequestError if it cannot be."""
        table = open_table(self.path, self.reading)
        if table.form == "fasttext" and self.reading.second == "time":
            raise RequestError(f"{self.path}: fastText's lines have labels and no times; give a table with a column of times")
        return table

    @cached_property
    def sheet(self) -> Sheet:
        """The sheet of a workbook; RequestError if it cannot be read."""
        return Sheet(self.path, self.reading)

    @cached_property
    def partitions(self) -> dict[str, str | None]:
        """Columns that the folders of a file among several name; see partitions.py."""
        return partitions_of(self.asked.name)

    @cached_property
    def columns(self) -> ArrowColumns:
        """The columns of a sheet or a Parquet file; RequestError if they are not there."""
        if self.is_sheet:
            return self.sheet.columns
        from tasks.documents.parquet import parquet_columns  # pyarrow; the command line needs none of it for its options

        return parquet_columns(self.path, self.reading, self.partitions)

    def check(self) -> None:
        """Raise RequestError for wrong columns, and for first rows none of which can be used."""
        columns = self.table.columns if self.has_lines else self.columns
        if columns.label_in_text:
            told = f"column {self.reading.label!r} is the {self.reading.second}, and also in {self.reading.flags.text}"
            raise RequestError(f"{self.path}: {told}, so that a model would read the answer; name other columns")
        if not self.is_parquet:
            self._check_rows()

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield a record for each row; ids are `file name:line`, in Parquet and sheets `file name:row`."""
        if self.has_lines:
            return table_records(self.table, self.asked, notes)
        if self.is_sheet:
            notes.warnings += filter(None, [self.sheet.warning()])
            return self.sheet.records(self.asked)
        from tasks.documents.parquet import parquet_records

        return parquet_records(self.path, self.columns, self.asked, self.asked.source, self.partitions)

    def doubts(self, labels: Mapping[str, int]) -> list[str]:
        """Say that the first row may be a header after all."""
        row = self._first_row()
        alike = 0 if row is None else labels.get(spelled(row[1]), 0)
        if row is None or not 0 < alike <= _HEADERS or alike * _FEW > sum(labels.values()):
            return []
        others = "no other row has" if alike == 1 else f"only {alike} rows have"
        return [
            f"{self.path}: the first row is read as a document, {row[0]!r} with the label {row[1]!r}, which {others}; "
            f"if it names the columns, use {self.reading.flags.header}"
        ]

    def nothing(self) -> str:
        """Explain why there is no record."""
        if self.has_lines and self.table.header:
            return "the header is its only line; there is no record in it"
        return super().nothing()

    def _first_row(self) -> tuple[str, str] | None:
        """Text and label of the first row of a table without a header, where they are short enough to be names of columns."""
        if not self.has_lines or self.reading.second != "label":
            return None
        table = self.table
        at, names = table.columns.second, table.first
        if table.header or not names or at is None or at >= len(names):
            return None
        text = names[table.columns.texts[0]]
        return (text, names[at]) if len(text.split()) <= _WORDS_OF_A_NAME and len(text) <= _CHARS_OF_A_NAME else None

    def _check_rows(self) -> None:
        """Raise RequestError if none of the first rows has the table's form, or if most have several labels."""
        reasons: Counter[str] = Counter()
        first: dict[str, Record] = {}
        number = size = 0
        for record in self.records(Notes()):
            number, size = number + 1, size + len(record.data)
            if record.reason is not None:
                reasons[record.reason] += 1
                first.setdefault(record.reason, record)
            if size > _FIRST_BYTES:
                return  # too few were seen to judge
            if number == _FIRST_ROWS:
                break
        if reasons["several_labels"] * 2 > number:
            record = first["several_labels"]
            raise RequestError(
                f"{self.path}: {reasons['several_labels']:,} of the first {number:,} lines have several labels, and a document "
                f"here has one; the first, {record.id}: {record.detail}; keep one label a line"
            )
        if number and reasons.total() == number:
            told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
            record = next(iter(first.values()))
            detail = record.detail or REASONS[str(record.reason)]
            which = f"the first {number:,}" if number == _FIRST_ROWS else f"{number:,}"
            raise RequestError(f"{self.path}: none of {which} records can be used ({told}); the first, {record.id}: {detail}")


def table_records(table: Table, asked: Asked, notes: Notes) -> Iterator[Record]:
    """Yield one record for each row; ids are `file name:line`. A row whose label is missing is unlabelled."""
    swallowed: Row | None = None
    number = 0
    reading, name = asked.reading, asked.source
    remedy = f"if quotes are characters of the text here, use {reading.flags.quoting} none"
    with whole(table.path), open_bytes(table.path) as file:
        lines = Lines(file, table.encoding, start=seek(file, table.start), limit=row_limit(reading.max_chars))
        try:
            rows = iter(_rows(table, lines, reading.second))
            if table.header:
                next(rows, None)
            for row in rows:
                if row.swallowed:
                    swallowed, number = swallowed or row, number + 1
                yield _record(row, table, name, asked)
        except UnclosedQuotesError as error:
            raise RequestError(f"{table.path}: quotes that never close, the last one in line {error}; {remedy}") from error
    if swallowed is not None:
        more = f", and {number - 1:,} rows like it" if number > 1 else ""
        notes.warnings.append(
            f"{table.path}: line {swallowed.number} begins a quoted text that holds the next {swallowed.swallowed:,} lines, "
            f"which look like rows{more}; {remedy}"
        )


def _rows(table: Table, lines: Lines, second: str) -> Iterator[Row]:
    columns = table.columns
    match table.form:
        case "json":
            return json_rows(lines, columns, table.missing, second)
        case "fasttext":
            return fasttext_rows(lines)
        case "quoted" | "lenient":
            return quoted_rows(lines, table.delimiter, columns=columns.number, lenient=table.form == "lenient")
        case "plain":
            two = columns.number == 2
            return plain_rows(lines, table.delimiter, last=two and columns.second == 1, first=two and columns.second == 0)


def _record(row: Row, table: Table, name: str, asked: Asked) -> Record:
    columns, fields = table.columns, row.fields
    identity = f"{name}:{row.number}"
    if fields is None:
        detail = row.detail and row.detail + _about_quotes(table, asked.reading.flags)
        return Record(identity, name, row.offset, row.data, reason=row.reason, detail=detail)
    if columns.number is not None and len(fields) != columns.number:
        detail = _width(fields, columns.number, header=table.header)
        return Record(identity, name, row.offset, row.data, reason="malformed_row", detail=detail)
    if table.header and _repeats_header(fields, table.first):
        return Record(identity, name, row.offset, row.data, reason="header")
    second = None
    if columns.second is not None and not table.missing.cell(fields[columns.second]):
        second = fields[columns.second].strip()
    if len(columns.texts) == 1:
        text = fields[columns.texts[0]]
        text = "" if table.missing.cell(text) else text
    else:
        text = joined([fields[at] for at in columns.texts if not table.missing.cell(fields[at])])
    rest = tuple(zip(columns.rest_keys, map(fields.__getitem__, columns.rest), strict=True)) if columns.rest else ()
    if asked.reading.second == "time":
        return Record(identity, name, row.offset, row.data, text, None, asked.split, time=second, rest=rest)
    return Record(identity, name, row.offset, row.data, text, second, asked.split, rest=rest)


def _about_quotes(table: Table, flags: Flags) -> str:
    if table.form not in ("quoted", "lenient"):
        return ""
    return f"; if quotes are characters of the text here, use {flags.quoting} none"


def _repeats_header(fields: list[str], header: tuple[str, ...]) -> bool:
    """Whether a row's fields are the names of the columns, in any case."""
    first = fields[0].strip()
    if len(first) > 2 * len(header[0]) or first.casefold() != header[0].casefold():
        return False
    return [field.strip().casefold() for field in fields] == [name.casefold() for name in header]


def _width(fields: list[str], number: int, *, header: bool) -> str:
    """Say what is wrong with a row of another width."""
    said = f"{len(fields)} column{'s' * (len(fields) != 1)}, where {'the header' if header else 'a row'} has {number}"
    if any(field.startswith((' "', '\t"')) for field in fields):
        said += "; a quote after a blank quotes nothing, so leave no blank between the delimiter and the quote"
    return said
