"""Excel sheets of labels, by openpyxl: a sheet with a choice of labels for a person to fill in, and its rows read back."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.labels.cells import defused
from tasks.labels.row import CUT, NEW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

CELL_CHARS = 32_767  # Excel's limit
WIDTHS = {"text": 90, "why": 14, "label": 14, "suggested": 14, NEW: 14, "annotator": 14}
SHEET, CHOICES = "review", "labels"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ET.ParseError, KeyError, ValueError, OSError)
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML has no such characters


def write_sheet(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], labels: Sequence[str], path: Path) -> None:
    """Write rows as a sheet whose column of new labels offers the known ones.

    No cell is a formula: texts are written as texts, and those that begin like one are marked (see cells.py), since a cell
    that a person edits is read anew. RequestError where openpyxl is not installed.
    """
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook(write_only=True)
    sheet, choices = book.create_sheet(SHEET), book.create_sheet(CHOICES)
    sheet.freeze_panes = "A2"

    def cell(value: Any, *, bold: bool = False, wrapped: bool = False) -> Any:
        if isinstance(value, str):
            made = WriteOnlyCell(sheet, value="")
            made.value = _fitting(value)
            made.data_type = "s"  # openpyxl would take a text that begins with = for a formula
            made.quotePrefix = value.startswith("'")
        else:
            made = WriteOnlyCell(sheet, value=value)
        if bold:
            made.font = Font(bold=True)
        if wrapped:
            made.alignment = Alignment(wrap_text=True, vertical="top")
        return made

    for at, name in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(at)].width = WIDTHS.get(name, 12)
    if labels and NEW in columns and rows:
        letter = get_column_letter(columns.index(NEW) + 1)
        offered = DataValidation(type="list", formula1=f"={CHOICES}!$A$1:$A${len(labels)}", allow_blank=True)
        offered.add(f"{letter}2:{letter}{len(rows) + 1}")
        sheet.data_validations.append(offered)
    sheet.append([cell(name, bold=True) for name in columns])
    for row in rows:
        sheet.append([cell(row[name], wrapped=name == "text") for name in columns])
    for label in labels:
        choices.append([cell(label)])
    book.save(path)


def read_sheet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of the first sheet of a workbook, each with its number: by the names of its first row.

    RequestError where openpyxl is not installed, or for a file that is not a workbook.
    """
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except _DAMAGE as error:
        raise RequestError(f"{path}: not an Excel workbook ({type(error).__name__}); save it as .xlsx or .csv") from error
    try:
        rows = book.worksheets[0].iter_rows(values_only=True) if book.worksheets else iter(())
        names = [str(name).strip() if name is not None else "" for name in next(iter(rows), ())]
        if not any(names):
            raise RequestError(f"{path}: its first sheet has no row of column names; save the sheet as it was handed out")
        for number, values in enumerate(rows, 2):
            row = {name: value for name, value in zip(names, values, strict=False) if name}
            if any(value is not None for value in row.values()):
                yield number, row
    except _DAMAGE as error:
        raise RequestError(f"{path}: its first sheet is damaged ({type(error).__name__}); save it again") from error
    finally:
        book.close()


def _fitting(value: str) -> str:
    value = defused(_UNWRITABLE.sub("\ufffd", value))
    return value if len(value) <= CELL_CHARS else value[: CELL_CHARS - len(CUT)] + CUT


def check_sheets() -> None:
    """Raise RequestError where openpyxl is not installed."""
    _openpyxl()


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError:
        raise RequestError(
            "an Excel sheet (.xlsx) needs openpyxl: pip install 'textmill[excel]', or take a .csv instead"
        ) from None
    return openpyxl
