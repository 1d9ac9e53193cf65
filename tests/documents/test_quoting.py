"""Quotes that hold a field together, and quotes that are characters of the text."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROWS = [(f"shares of firm {n} rose on good news", "pos") if n % 2 else (f"firm {n} lost money again", "neg") for n in range(20)]


def lone(delimiter: str) -> str:
    """Rows of which one opens a quotation and a later one ends it, as it stands in running text."""
    lines = [f"{text}{delimiter}{label}" for text, label in ROWS]
    lines[5] = '"' + lines[5]
    lines[9] = lines[9].replace(delimiter, '"' + delimiter)
    return f"text{delimiter}label\n" + "\n".join(lines) + "\n"


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_lone_quotes_in_a_tsv_are_text(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=put(tmp_path / "a.tsv", lone("\t")))
    assert len(out.rows) == 20
    assert list(out.texts.values())[5] == '"' + ROWS[5][0]
    assert list(out.labels.values()) == [label for _, label in ROWS]
    assert out.report["warnings"] == []


@pytest.mark.parametrize(("name", "options"), [("a.csv", {}), ("a.tsv", {"quoting": "standard"})])
def test_rows_between_quotes_that_hold_together_are_told(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str, options: dict[str, Any]
) -> None:
    out = ingest(path=put(tmp_path / name, lone("," if name == "a.csv" else "\t")), **options)
    assert len(out.rows) == 16
    (said,) = out.report["warnings"]
    assert "line 7 begins a quoted text that holds the next 4 lines, which look like rows" in said
    assert "--ingest.quoting none" in said


def test_quotes_mean_nothing_where_the_request_says_so(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=put(tmp_path / "a.csv", lone(",")), quoting="none")
    assert len(out.rows) == 20
    assert list(out.labels.values()) == [label for _, label in ROWS]


def test_a_quoted_text_of_several_lines_is_one_document(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    text = '"A title, and\nmore of it\n\nthe \'end\', said ""he"""'
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t")):
        rows = [f"{text}{delimiter}pos", f"bad news{delimiter}neg"]
        out = ingest(path=put(tmp_path / name, "\n".join([f"text{delimiter}label", *rows])))
        assert list(out.texts.values()) == ["A title, and\nmore of it\n\nthe 'end', said \"he\"", "bad news"]
        assert out.report["warnings"] == []


def test_a_file_whose_fields_are_all_quoted_keeps_its_line_ends(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = '"text"\t"label"\n"one\ttwo\nthree"\t"pos"\n"x"\t"neg\nb\tc"\n'
    out = ingest(path=put(tmp_path / "a.tsv", rows))
    assert list(out.texts.values()) == ["one\ttwo\nthree", "x"]
    assert list(out.labels.values()) == ["pos", "neg\nb\tc"]


@pytest.mark.parametrize(
    "line",
    ['"Buy now," he said\tpos', '"Buy" or "sell"\tpos', '"never closed\tpos', 'a 5" disk and a 3" disk\tpos', 'said "no"\tpos'],
)
def test_a_quotation_at_the_beginning_of_a_tsv_row_is_text(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], line: str
) -> None:
    out = ingest(path=put(tmp_path / "a.tsv", f"text\tlabel\nbad\tneg\n{line}\nfine\tpos\n"))
    assert list(out.texts.values()) == ["bad", line.split("\t")[0], "fine"]


def test_a_label_before_a_lone_quote(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = ['label\ttext\npos\t"good one', "neg\tbad one", 'pos\tbest" one', "neg\tworse"]
    out = ingest(path=put(tmp_path / "a.tsv", "\n".join(rows)))
    assert list(out.texts.values()) == ['"good one', "bad one", 'best" one', "worse"]


def test_many_lone_quotes_are_no_reason_to_refuse_a_tsv(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = "".join(f'"quotation {n} that is not closed\t{"pos" if n % 2 else "neg"}\n' for n in range(300))
    assert ingest(path=put(tmp_path / "a.tsv", "text\tlabel\n" + rows)).report["kept"] == 300
