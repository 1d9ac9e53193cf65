"""Workbooks are tables: a sheet of them is read as any other, whichever program saved it."""

from __future__ import annotations

import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest

from tasks.checkout import CHECKOUT
from tasks.collect.settings import CollectConfig
from tasks.documents import sheets
from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Notes
from tasks.documents.reading import Reading
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig, TextsConfig
from tasks.ingest.task import OF_READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import SimpleNamespace

pytest.importorskip("python_calamine")

EPOCH = datetime(1899, 12, 30)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def cell(value: Any) -> str:
    """One cell of a sheet of Excel's."""
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime):
        return f'<c s="1"><v>{(value - EPOCH).total_seconds() / 86_400}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def workbook(path: Path, named: Mapping[str, Sequence[Sequence[Any]]], hidden: Sequence[str] = ()) -> Path:
    """Write a workbook as Excel's format prescribes it (ECMA-376): its sheets by name, `hidden` those that nobody sees."""
    places = [f"xl/worksheets/sheet{number}.xml" for number in range(1, len(named) + 1)]
    states = dict.fromkeys(hidden, ' state="hidden"')
    sheet_list = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"{states.get(name, "")}/>'
        for number, name in enumerate(named, 1)
    )
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="/{place}"/>' for number, place in enumerate(places, 1)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'{head}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'{head}<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml", f'{head}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheet_list}</sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{head}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
            f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/styles.xml",
            f'{head}<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>',
        )
        for place, rows in zip(places, named.values(), strict=True):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            archive.writestr(place, f'{head}<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>')
    return path


ROWS: list[list[Any]] = [
    ["text", "label", "day"],
    ["  profit\nrose 5%", 1, datetime(2024, 1, 2)],
    [None, None, None],
    ["größer & <besser>", 0.0, datetime(2024, 1, 3, 12, 30)],
    ["no label", None, None],
    [12.5, True, None],
]


def test_cells_are_read_as_those_of_any_table(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    found = ingest(path=workbook(tmp_path / "news.xlsx", {"News": ROWS}), keep=("day",))
    assert found.texts == {
        "news.xlsx:2": "  profit\nrose 5%",
        "news.xlsx:4": "größer & <besser>",
        "news.xlsx:5": "no label",
        "news.xlsx:6": "12.5",
    }
    assert list(found.labels.values()) == ["1", "0", None, "true"]
    assert (found.report["warnings"], found.report["columns"]) == ([], {"day": "date"})
    plain = workbook(tmp_path / "plain.xlsx", {"News": ROWS[1:]})
    assert list(ingest(path=plain, text="0", label="1").labels.values()) == ["1", "0", None, "true"]
    assert list(ingest(path=plain, header=False).labels.values()) == ["1", "0", None, "true"]


def test_a_sheet_is_chosen_by_name_or_number(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    other = [["text", "label"], ["sales fell", "bad"], ["orders grew", "good"]]
    path = workbook(tmp_path / "two.xlsx", {"Lists": [["a"]], "News": ROWS, "2019": other}, hidden=["Lists"])
    found = ingest(path=path)
    assert len(found.rows) == 4
    assert found.report["warnings"] == [f"{path}: sheet 'News' is read, the first; choose another with --ingest.sheet: '2019'"]
    for sheet in ("2019", "2"):
        found = ingest(path=path, sheet=sheet)
        assert (list(found.labels.values()), found.report["warnings"]) == (["bad", "good"], [])
    with pytest.raises(RequestError, match=r"no sheet 'Old'; there are: 0 'Lists', 1 'News', 2 '2019'\. Choose one with"):
        check_request(IngestConfig(path=path, sheet="Old"))
    with pytest.raises(RequestError, match=r"no column 'words' for the text; there are: 'text', 'label', 'day'"):
        check_request(IngestConfig(path=path, text="words"))
    more = workbook(tmp_path / "more.xlsx", {"News": [["text"], ["one"]], "2019": [["text"], ["another"], ["and one more"]]})
    assert ingest(path=path, unlabelled=more, sheet="2019").report["splits"] == {"unlabelled": 2, "unsplit": 2}
    with pytest.raises(RequestError, match=r"sheet 'Lists'.* but --ingest\.sheet holds for --ingest\.path too"):
        check_request(IngestConfig(path=workbook(tmp_path / "a.xlsx", {"Lists": other}), unlabelled=more, sheet="Lists"))


@pytest.mark.parametrize("suffix", ["xls", "ods"])
def test_workbooks_of_older_excels_and_of_open_document(suffix: str, ingest: Callable[..., SimpleNamespace]) -> None:
    """Small files that xlwt 1.3 and odfpy 1.4 wrote: a hidden sheet, a blank row, numbers, a Boolean, a date and a time."""
    path = CHECKOUT / f"tests/data/news.{suffix}"
    found = ingest(path=path, keep=("day",))
    texts = {2: "profit rose 5%", 4: "größer 利润 & <better>", 5: "no label", 6: "12.5"}
    assert found.texts == {f"news.{suffix}:{row}": text for row, text in texts.items()}
    assert list(found.labels.values()) == ["1", "0", None, "true"]
    assert found.report["columns"] == {"day": "date"}
    assert found.report["warnings"] == [f"{path}: sheet 'News' is read, the first; choose another with --ingest.sheet: '2019'"]
    assert list(ingest(path=path, sheet="2019").labels.values()) == ["bad", "good"]
    reading = CollectConfig(time="day").reading
    times = [record.time for record in input_of(Asked(path, reading)).records(Notes())]
    assert times == ["2024-01-02", "2024-01-03T12:30:00", None, None]


def test_score_and_refresh_read_sheets_too(tmp_path: Path) -> None:
    path = workbook(tmp_path / "news.xlsx", {"News": ROWS})
    records = list(input_of(Asked(path, Reading(second="none", keep="all"))).records(Notes()))
    assert [record.data for record in records][1:] == ["größer & <besser>".encode(), b"no label", b"12.5"]
    reading = CollectConfig(time="day").reading
    times = [record.time for record in input_of(Asked(path, reading)).records(Notes())]
    assert times == ["2024-01-02", "2024-01-03T12:30:00", None, None]


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "news.xlsx", {"News": ROWS})
    named = path.rename(tmp_path / "news.csv")
    with pytest.raises(
        RequestError, match=r"this file is an Excel workbook; give a workbook the suffix \.xlsx, with the extra"
    ):
        check_request(IngestConfig(path=named))
    (tmp_path / "page.xls").write_text("<html><table><tr><td>text</td></tr></table></html>")
    with pytest.raises(RequestError, match=r"page\.xls: not a readable workbook") as raised:
        check_request(IngestConfig(path=tmp_path / "page.xls"))
    assert "\n" not in str(raised.value)
    path = workbook(tmp_path / "empty.xlsx", {"News": []})
    with pytest.raises(RequestError, match=r"empty\.xlsx: sheet 'News' is empty"):
        check_request(IngestConfig(path=path))
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with pytest.raises(
        RequestError, match=r"workbooks are read by an extra: pip install 'textmill\[excel\]'; or save the sheet"
    ):
        check_request(IngestConfig(path=path))
    assert sheets.WORKBOOKS


def test_the_library_that_reads_a_workbook_is_in_its_key_alone(tmp_path: Path) -> None:
    assert OF_READERS.libraries(IngestConfig(path=tmp_path / "a.csv", valid_path=tmp_path / "b.xlsx"), {}) == (
        "python-calamine",
    )
    assert OF_READERS.libraries(IngestConfig(path=(tmp_path / "a.csv", tmp_path / "b.parquet")), {}) == ()
    assert OF_READERS.libraries(TextsConfig(path=tmp_path / "a.ods"), {}) == ("python-calamine",)
