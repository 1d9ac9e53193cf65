"""What is wrong with a file, where, and what to do: one line before anything is read."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig
from tests.writers import write_zip

ROWS = "".join(f"good news {n},pos\nbad news {n},neg\n" for n in range(10))
RECORDS = [{"text": f"text {n}", "label": "pn"[n % 2]} for n in range(10)]


def office(path: Path, *names: str) -> Path:
    return write_zip(path, dict.fromkeys(names, "x"))


FILES = {
    "array.json": (json.dumps(RECORDS), r"a JSON array; write one object a line, as jq -c '\.\[\]'"),
    "pretty.json": (json.dumps(RECORDS, indent=2), "a JSON array"),
    "data.json": (json.dumps({"data": RECORDS}), r"one JSON object that holds the rows under 'data'.*jq -c '\.data\[\]'"),
    "nested.json": (json.dumps({"data": RECORDS}, indent=1), "holds the rows under 'data'"),
    "spread.json": ("\n".join(json.dumps(row, indent=1) for row in RECORDS), "JSON objects over several lines"),
    "semicolons.csv": ("text;label\n" + ROWS.replace(",", ";"), r"';' separates its columns.*--ingest.delimiter ';'"),
    "tabs.csv": ("text\tlabel\n" + ROWS.replace(",", "\t"), r"--ingest.delimiter '\\t'"),
    "bars.csv": ("text|label\n" + ROWS.replace(",", "|"), r"--ingest.delimiter '\|'"),
    "commas.tsv": ("text,label\n" + ROWS, r"--ingest.delimiter ','"),
    "quoted.csv": ('"text";"label"\n"a, b";"pos"\n"c";"neg"\n', r"--ingest.delimiter ';'"),
    "excel.csv": (
        "sep=;\ntext;label\n" + ROWS.replace(",", ";"),
        "sep=;, is for Excel; remove it and use",
    ),
    "bars.txt": (ROWS.replace(",", "|"), r"'\|' is in each line: --ingest.delimiter '\|'"),
    "lines.txt": ("one text\nanother\n", "text without labels goes to --ingest.unlabelled"),
    "columns.json": (json.dumps({"text": {"0": "a"}, "label": {"0": "b"}}), "one JSON object of whole columns"),
    "lone.csv": ("text,label\n" + '"Buy" he said,pos\n' * 5, "use --ingest.quoting none"),
    "cr.csv": (("text,label\n" + ROWS).replace("\n", "\r"), "its lines end in CR alone"),
    "blank.csv": ('label, text\n"p", "a, b"\n"n", "c, d"\n', r"blank\.csv:2: 3 columns, where the header has 2; a quote after"),
    "wide.csv": ("text,label\na,b,c\nd,e,f\n", r"2 malformed_row.*wide\.csv:2: 3 columns, where the header has 2"),
    "page.csv": ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "an HTML page; a login or error page"),
    "feed.csv": ('<?xml version="1.0"?><rss/>', "an XML file"),
    "numbers.jsonl": ('{"text": 5, "label": 1}\n' * 3, r"numbers\.jsonl:1: 'text' holds a number, not text"),
    "lists.jsonl": ('{"text": "a", "label": ["x"]}\n' * 3, r"'label' holds a list, not a label"),
    "a.pdf": ("%PDF-1.7", "this file is a PDF"),
    "a.rtf": ("{\\rtf1 text}", "rich text"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_is_wrong_with_it(tmp_path: Path, name: str) -> None:
    text, message = FILES[name]
    path = tmp_path / name
    path.write_text(text, newline="")
    with pytest.raises(RequestError, match=message) as told:
        check_request(IngestConfig(path=path))
    assert "\n" not in str(told.value)
    assert "\r" not in str(told.value)
    assert len(str(told.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("sheet.xlsx", ["[Content_Types].xml", "xl/workbook.xml"], "not a readable workbook"),
        ("renamed.csv", ["xl/workbook.xml"], "an Excel workbook"),
        ("letter.docx", ["word/document.xml"], "a Word document"),
        ("sheet.odt", ["mimetype", "content.xml"], "an OpenDocument file"),
        ("a.zip", ["a.csv"], "compressed \\(zip\\); unpack it first"),
    ],
)
def test_a_zip_says_what_is_in_it(tmp_path: Path, name: str, members: list[str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_request(IngestConfig(path=office(tmp_path / name, *members)))


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Office file"),
        ("a.csv", b"PAR1" + bytes(50), r"a Parquet file; give it the suffix \.parquet"),
        ("a.db", b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        ("a.pkl", b"\x80\x04\x95" + bytes(50), "a pickle is never loaded"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(50), r"an image \(PNG\)"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, name: str, head: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(head)
    with pytest.raises(RequestError, match=message):
        check_request(IngestConfig(path=tmp_path / name))


def test_a_header_alone_is_named(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\n")
    with pytest.raises(RequestError, match="the header is its only line"):
        ingest(path=tmp_path / "a.csv")


def test_text_and_label_the_wrong_way_round(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{'pn'[n % 2]}\tsentence number {n}\n" for n in range(20)))
    with pytest.raises(RequestError, match=r"20 rows have 2 different texts and 20 labels; are --ingest\.text and"):
        ingest(path=tmp_path / "a.txt")
    assert ingest(path=tmp_path / "a.txt", text="1", label="0").report["kept"] == 20


def test_a_refused_corpus_names_its_first_refused_record(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,maybe\nb,perhaps\n")
    with pytest.raises(RequestError, match=r"the first, a\.csv:2: label 'maybe' is not among --ingest.labels"):
        ingest(path=tmp_path / "a.csv", labels=("yes", "no"))


@pytest.mark.parametrize(("commas", "warned"), [(9, 1), (4, 0)])
def test_rows_that_are_refused_in_number_are_a_warning(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], commas: int, warned: int
) -> None:
    rows = [f"a text {n}{', too' * (n < commas)},{'pn'[n % 2]}\n" for n in range(80)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    said = ingest(path=tmp_path / "a.csv").report["warnings"]
    assert len(said) == warned
    for line in said:
        assert "9 of 80 records are refused (9 malformed_row); the first, a.csv:2: 3 columns, where the header has 2" in line


def test_labels_that_are_not_asked_for_are_no_warning(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"text {n},{'pnx'[n % 3]}\n" for n in range(30)))
    out = ingest(path=tmp_path / "a.csv", labels=("p", "n"))
    assert (out.report["reasons"], out.report["warnings"]) == ({"unknown_label": 10}, [])


def test_unlabelled_text_is_not_sent_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + ROWS)
    (tmp_path / "u.csv").write_text("body\nsome text\n")
    with pytest.raises(
        RequestError, match=r"u\.csv: no column 'text'.* Choose one with --ingest\.unlabelled-text\. It has one column only$"
    ):
        check_request(IngestConfig(path=tmp_path / "a.csv", unlabelled=tmp_path / "u.csv"))


def test_columns_of_parquet_that_hold_no_text_or_label(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for table, message in (
        ({"text": [["a"], ["b"]], "label": ["x", "y"]}, r"column 'text' holds list<.*--ingest.text"),
        ({"text": ["a", "b"], "label": [["x"], ["y"]]}, r"column 'label' holds list<.*not one label.*--ingest.label"),
        ({"text": ["a", "b"], "label": [{"x": 1}, {"x": 2}]}, r"column 'label' holds struct<"),
    ):
        pq.write_table(pa.table(table), path)
        with pytest.raises(RequestError, match=message):
            check_request(IngestConfig(path=path))


def test_folders_that_are_something_else(tmp_path: Path) -> None:
    real = tmp_path / "real" / "pos"
    real.mkdir(parents=True)
    (real / "1.txt").write_text("x")
    links = tmp_path / "links"
    links.mkdir()
    (links / "neg").symlink_to(real)
    (links / "pos").symlink_to(real)
    with pytest.raises(RequestError, match=rf"links are not followed: neg -> {real} and 1 more; copy the folders here"):
        check_request(IngestConfig(path=links))
    parts = tmp_path / "parts"
    for label in ("x", "y"):
        (parts / f"label={label}").mkdir(parents=True)
        pq.write_table(pa.table({"text": ["a"]}), parts / f"label={label}" / "part-0.parquet")
    with pytest.raises(RequestError, match=r"label=x/part-0\.parquet is a Parquet file, not a document; read the folder with"):
        check_request(IngestConfig(path=parts, source="folder"))
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "train.csv").write_text("text,label\n")
    with pytest.raises(RequestError, match=r"there is a table in it, train\.csv; give the file: --ingest.path .*train\.csv"):
        check_request(IngestConfig(path=tables))


def test_an_empty_folder_of_a_label_is_named(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    for name in ("neg/1.txt", "pos/1.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    (tmp_path / "neutral").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "1.txt").write_text(" ")
    (said,) = ingest(path=tmp_path).report["warnings"]
    assert "no document of bare, neutral: empty, or all in it was refused" in said


def test_what_no_author_wrote_is_passed_over_and_counted(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    names = [
        "neg/1.txt",
        "pos/1.txt",
        "neg/Thumbs.db",
        "pos/.DS_Store",
        "pos/desktop.ini",
        "pos/~$a.docx",
        "pos/.git/x",
        "pos/.y",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "neg" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    for number in range(20):
        (tmp_path / "neg" / f"{number}.bin").write_bytes(bytes([1, 2, 3, 4, 5, 6, 7, 14, 255]) * 20)
    out = ingest(path=tmp_path)
    assert sorted(out.texts) == ["neg/1.txt", "pos/1.txt"]
    assert out.report["reasons"] == {"binary": 21}
    assert out.report["passed_over"] == {".DS_Store": 1, "Thumbs.db": 1, "desktop.ini": 1, "hidden files": 2, "~$...": 1}


def test_a_huge_bad_row_in_front_is_one_bad_row(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "x," * 2_300_000 + "\na,p\nb,n\n")
    out = ingest(path=tmp_path / "a.csv")
    assert (out.report["kept"], out.report["reasons"]) == (2, {"malformed_row": 1})
