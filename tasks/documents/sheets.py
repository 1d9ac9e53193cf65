"""Sheets of workbooks: Excel's (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument's (.ods).

A cell becomes text as a cell of any table: a whole number without a point, true and false, dates and times as ISO 8601. The
rows of a sheet are numbered from 1, as a spreadsheet shows them; a sheet is in memory while it is read.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tasks.documents.columns import position
from tasks.documents.spelling import scalar
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from tasks.documents.arrow_rows import ArrowColumns
    from tasks.documents.layout import Asked
    from tasks.documents.reading import Reading
    from tasks.documents.record import Record

WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
MODULE, PACKAGE = "python_calamine", "python-calamine"
INSTALL = "pip install 'textmill[excel]'"
_BATCH_ROWS = 256
_SHOWN = 10


class Sheet:
    """One sheet of a workbook. RequestError if it cannot be read, or is not there."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path, self.reading = path, reading
        self.name, self.others = self._chosen()

    @cached_property
    def header(self) -> tuple[str, ...] | None:
        """The names of the columns; None if they have none."""
        from tasks.documents.table_form import has_header

        if not self._rows:
            raise RequestError(f"{self.path}: sheet {self.name!r} is empty; choose one with {self.reading.flags.sheet}")
        names = [cell.strip() for cell in self._rows[0][1]]
        return tuple(names) if has_header(".csv", self.reading, names) else None

    @cached_property
    def columns(self) -> ArrowColumns:
        """The columns to read; without a header they are called by their positions."""
        import pyarrow as pa

        from tasks.documents.arrow_rows import columns_of

        named = self.header is not None
        return columns_of(self.path, pa.schema([(name, pa.string()) for name in self._names]), self.reading, header=named)

    def records(self, asked: Asked) -> Iterator[Record]:
        """Yield one record for each row that is not blank; ids are `name:row`."""
        from tasks.documents.arrow_rows import records_of

        rows = self._rows[self.header is not None :]
        return records_of(self._batches(rows), self.path, self.columns, asked, asked.source, (number for number, _ in rows))

    def warning(self) -> str:
        """Say that there are other sheets, if nobody chose this one."""
        if self.reading.sheet is not None or not self.others:
            return ""
        others = ", ".join(map(repr, self.others[:_SHOWN]))
        return f"{self.path}: sheet {self.name!r} is read, the first; choose another with {self.reading.flags.sheet}: {others}"

    @cached_property
    def _rows(self) -> list[tuple[int, list[str]]]:
        """The rows that are not blank, each with its number."""
        try:
            with self._workbook() as workbook:
                found = workbook.get_sheet_by_name(self.name).to_python(skip_empty_area=False)
        except Exception as error:  # noqa: BLE001 the library's errors have no common class
            raise self._unreadable(error) from None
        rows = ((number, [_text(cell) for cell in row]) for number, row in enumerate(found, 1))
        return [(number, row) for number, row in rows if any(cell.strip() for cell in row)]

    @property
    def _names(self) -> tuple[str, ...]:
        return self.header or tuple(str(at) for at in range(len(self._rows[0][1])))

    def _batches(self, rows: Sequence[tuple[int, list[str]]]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        names = self.columns.wanted
        at = [self._names.index(name) for name in names]
        for start in range(0, len(rows), _BATCH_ROWS):
            cells = [row for _, row in rows[start : start + _BATCH_ROWS]]
            columns = [pa.array([_encodable(row[each]) for row in cells], pa.string()) for each in at]
            yield pa.record_batch(columns, names=names)

    def _chosen(self) -> tuple[str, list[str]]:
        """The name of the sheet to read, and those of the others that can be seen."""
        calamine, asked, flag = _library(self.path), self.reading.sheet, self.reading.flags.sheet
        try:
            with self._workbook() as workbook:
                sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        except Exception as error:  # noqa: BLE001 as above
            raise self._unreadable(error) from None
        names = [sheet.name for sheet in sheets]
        seen = [sheet.name for sheet in sheets if sheet.visible == calamine.SheetVisibleEnum.Visible] or names
        if not names:
            raise RequestError(f"{self.path}: a workbook without a sheet of cells; save it again, or as CSV UTF-8")
        if asked is None:
            return seen[0], seen[1:]
        at = position(asked)
        if asked in names:
            return asked, []
        if at is not None and at < len(names):
            return names[at], []
        shown = ", ".join(f"{number} {name!r}" for number, name in enumerate(names[:_SHOWN]))
        raise RequestError(f"{self.path}: no sheet {asked!r}; there are: {shown}. Choose one with {flag}, by name or number")

    def _workbook(self) -> Any:
        return _library(self.path).CalamineWorkbook.from_path(str(self.path))

    def _unreadable(self, error: Exception) -> RequestError:
        if type(error).__name__ == "PasswordError":
            return RequestError(f"{self.path}: the workbook is locked by a password; save it without one")
        return RequestError(unreadable(self.path, error, what="not a readable workbook"))


def _library(path: Path) -> Any:
    try:
        import python_calamine
    except ImportError:
        raise RequestError(f"{path}: workbooks are read by an extra: {INSTALL}; or save the sheet as CSV UTF-8") from None
    return python_calamine


def _text(value: Any) -> str:
    """A cell as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else scalar(value) or ""


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
