"""One spelling for a label, whatever kind of file it is in; and rows whose label is missing."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.documents.spelling import spelled


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("0.0", "0"),
        ("-0.0", "0"),
        ("1.00", "1"),
        ("-2.0", "-2"),
        ("+3.0", "3"),
        ("10.0", "10"),
        ("123456789012345678901234567890.0", "123456789012345678901234567890"),
        ("1.5", "1.5"),
        ("1.", "1."),
        ("01", "01"),
        ("1.0.0", "1.0.0"),
        ("v1.0", "v1.0"),
        ("True", "true"),
        ("FALSE", "false"),
        ("Truer", "Truer"),
        ("__label__pos", "pos"),
        ("__label__1.0", "1"),
        ("__label__", ""),
        (" pos ", "pos"),
        ("POS", "POS"),
        ("e\u0301conomie", "économie"),
        ("good\u200b", "good"),
        ("\ufeffgood\u00ad", "good"),
        ("\u200e利好\u200f", "利好"),
    ],
)
def test_a_label_has_one_spelling(written: str, label: str) -> None:
    assert spelled(written) == label
    assert spelled(spelled(written)) == label


def tables(folder: Path, values: Any) -> list[Path]:
    """The same labels in each kind of table, as programs write them."""
    texts = [f"text {n}" for n in range(len(values))]
    lines = "".join(json.dumps({"text": text, "label": value}) + "\n" for text, value in zip(texts, values, strict=True))
    (folder / "a.jsonl").write_text(lines)
    (folder / "a.csv").write_text("text,label\n" + "".join(f"{t},{v}\n" for t, v in zip(texts, values, strict=True)))
    (folder / "a.tsv").write_text("text\tlabel\n" + "".join(f"{t}\t{v}\n" for t, v in zip(texts, values, strict=True)))
    (folder / "a.txt").write_text("".join(f"{t}\t{v}\n" for t, v in zip(texts, values, strict=True)))
    pq.write_table(pa.table({"text": texts, "label": values}), folder / "a.parquet")
    return [folder / name for name in ("a.jsonl", "a.csv", "a.tsv", "a.txt", "a.parquet")]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1, 0], ["0", "1", "0"]),
        ([0.0, 1.0, 2.0], ["0", "1", "2"]),
        ([1.0, 1.5, 2.0], ["1", "1.5", "2"]),
        ([True, False, True], ["true", "false", "true"]),
        (["TRUE", "False", "TRUE"], ["true", "false", "true"]),
        (["up", "down", "NA"], ["up", "down", "NA"]),
    ],
)
def test_each_kind_of_table_gives_the_same_labels(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], values: list[Any], labels: list[str]
) -> None:
    for path in tables(tmp_path, values):
        assert list(ingest(path=path).labels.values()) == labels, path.name


def test_labels_of_a_test_file_meet_those_of_train_in_any_spelling(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    for path in tables(one, [0.0, 1.0, 0.0]):
        for test in tables(other, [0, 1]):
            out = ingest(path=path, test_path=test)
            assert set(out.report["labels"]) == {"0", "1"}
    for path in tables(one, [True, False]):
        for test in tables(other, ["TRUE", "FALSE"]):
            assert set(ingest(path=path, test_path=test).report["labels"]) == {"true", "false"}


def test_two_spellings_in_one_file_are_one_label_and_told(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,TRUE\nb,true\nc,false\nd,1\ne,1.0\n")
    out = ingest(path=path)
    assert out.report["labels"] == {"1": 2, "false": 1, "true": 2}
    said = "\n".join(out.report["warnings"])
    assert "labels 'TRUE' and 'true' are read as one label, 'true'" in said
    assert "labels '1' and '1.0' are read as one label, '1'" in said


def test_folders_of_a_mac_and_a_table_mean_the_same_label(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    for number, label in enumerate(["e\u0301conomie", "sport"] * 2):
        folder = tmp_path / "corpus" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"text {number}")
    (tmp_path / "t.csv").write_text("text,label\na,\u00e9conomie\nb,sport\n")
    out = ingest(path=tmp_path / "corpus", test_path=tmp_path / "t.csv")
    assert out.report["labels"] == {"sport": 3, "\u00e9conomie": 3}
    assert out.report["warnings"] == []


def test_labels_that_look_alike_but_for_blanks_are_named(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,very good\nb,very\u00a0good\nc,very  good\n")
    (said,) = ingest(path=tmp_path / "a.csv").report["warnings"]
    assert said.endswith("differ only in how they are written and are 3 classes; if they mean the same, write them alike")


def test_accepted_labels_and_names_of_numbers_are_spelled_so_too(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    path, names = tmp_path / "a.csv", tmp_path / "names.txt"
    path.write_text("text,label\na,0.0\nb,1.0\nc,2.0\n")
    names.write_text("bad\ngood\n")
    out = ingest(path=path, label_names=names)
    assert (out.report["labels"], out.report["reasons"]) == ({"bad": 1, "good": 1}, {"unknown_label": 1})
    assert ingest(path=path, labels=("0.0", "1")).report["labels"] == {"0": 1, "1": 1}


def test_bytes_and_decimals_of_parquet_are_labels(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    texts = ["good", "bad", "open"]
    for values, labels in (
        ([b"p", b"n", None], ["p", "n", None]),
        ([Decimal("1"), Decimal("0"), None], ["1", "0", None]),
        ([Decimal("1.50"), Decimal("2.00"), None], ["1.5", "2", None]),
    ):
        pq.write_table(pa.table({"text": texts, "label": values}), tmp_path / "a.parquet")
        assert list(ingest(path=tmp_path / "a.parquet").labels.values()) == labels


def test_missing_labels_leave_a_row_without_and_missing_texts_are_empty(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    nan = float("nan")
    (tmp_path / "a.csv").write_text("text,label\na,1\nb,0\nc,\nd,\\N\ne,nan\nf,NA\n\\N,1\nNaN,0\n,1\n")
    rows: list[list[Any]] = [
        ["a", 1],
        ["b", 0],
        ["c", None],
        ["d", "\\N"],
        ["e", nan],
        ["f", "NA"],
        [None, 1],
        [nan, 0],
        ["", 1],
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t, "label": v}) + "\n" for t, v in rows))
    texts = ["a", "b", "c", "d", "e", "f", None, "\\N", ""]
    values = ["1", "0", None, "\\N", "nan", "NA", "1", "0", "1"]
    pq.write_table(pa.table({"text": texts, "label": values}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": list("abcd"), "label": [1.0, 0.0, nan, None]}), tmp_path / "b.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        out = ingest(path=tmp_path / name)
        assert list(out.labels.values()) == ["1", "0", None, None, None, "NA"], name
        assert out.report["reasons"] == {"empty": 3}
        (said,) = out.report["warnings"]
        assert "label 'NA' (1 row) looks like a missing value" in said
        assert "--ingest.missing NA" in said
        out = ingest(path=tmp_path / name, missing=("NA",))
        assert list(out.labels.values()) == ["1", "0", None, None, None, None], name
        assert out.report["warnings"] == []
    assert list(ingest(path=tmp_path / "b.parquet").labels.values()) == ["1", "0", None, None]


def test_labels_that_differ_only_in_case_are_two_classes_and_told(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,Good\nb,good\nc,bad\nd,ＢＡＤ\n", encoding="utf-8")
    out = ingest(path=tmp_path / "a.csv")
    assert len(out.report["labels"]) == 4
    assert [line.split(" differ")[0] for line in out.report["warnings"]] == [
        "labels 'Good' and 'good'",
        "labels 'bad' and 'ＢＡＤ'",
    ]


def test_numbers_that_become_bins_are_not_spelled_in_two_ways(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,1\nb,1.0\nc,-2\nd,-2.0\n")
    out = ingest(path=tmp_path / "a.csv", label_bins=(0.0,))
    assert out.report["labels"] == {"negative": 2, "positive": 2}
    assert out.report["warnings"] == []
