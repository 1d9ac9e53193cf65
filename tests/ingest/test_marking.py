"""Pairs of a text and the name that its label is about: the name is marked, and the package of a model says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request, write_corpus
from tasks.ingest.kept import kept_columns
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.towards.mark import MARK, MARKS_NAME

if TYPE_CHECKING:
    from pathlib import Path

ROWS = (
    ("贵州茅台：净利增三成", "1", "贵州茅台"),
    ("Tesco rose, Shell fell", "1", "TESCO"),
    ("Tesco rose, Shell fell", "0", "Shell"),
    ("the grocer’s sales fell", "0", "Tesco"),
    ("nobody is named", "0", ""),
    ("R&amp;D at M&S grew", "1", "M&S"),
)


def ingest(folder: Path, rows: Any = ROWS, **options: Any) -> tuple[list[str], dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    lines = [
        "text,label,company,day",
        *(f'"{text}",{label},"{name}",2024-01-0{n % 9 + 1}' for n, (text, label, name) in enumerate(rows)),
    ]
    (folder / "news.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = write_corpus(IngestConfig(path=folder / "news.csv", **options), folder)
    return pq.read_table(folder / "corpus.parquet")["text"].to_pylist(), report


def test_the_name_is_marked_where_the_text_has_it_and_before_it_elsewhere(tmp_path: Path) -> None:
    texts, report = ingest(tmp_path / "a", name="company", keep=("day",))
    assert [" ".join(text.split()) for text in texts] == [
        f"{MARK} ：净利增三成",
        f"{MARK} rose, Shell fell",
        f"Tesco rose, {MARK} fell",
        f"{MARK} the grocer’s sales fell",
        "nobody is named",
        f"R&D at {MARK} grew",
    ]
    assert report["names"] == {"found": 4, "in front": 1, "without": 1}
    assert [line for line in report["warnings"] if "company" in line] == [
        "1 of 6 texts do not have their name of column company; the mark is put before them, and the model learns nothing "
        "of the place",
        "1 of 6 rows have no name in column company; their texts are not marked",
    ]
    assert list(kept_columns(tmp_path / "a" / "kept")) == ["day"]


def test_without_the_option_nothing_is_marked_and_no_key_changes(tmp_path: Path) -> None:
    texts, report = ingest(tmp_path / "a")
    assert texts == [text for text, _, _ in ROWS]
    assert "names" not in report
    assert "name" not in IngestConfig(path=tmp_path).model_dump()


def test_the_dataset_says_that_names_are_marked(tmp_path: Path) -> None:
    rows = [(f"Company{n} {'rose' if n % 2 else 'fell'} {n * 37} times in May", str(n % 2), f"Company{n}") for n in range(60)]
    for name, options in (("pairs", {"name": "company"}), ("texts", {})):
        ingest(tmp_path / name, rows, **options)
        (tmp_path / name / "prepared").mkdir()
        write_dataset(PrepareConfig(), tmp_path / name, tmp_path / name / "prepared")
        held = json.loads((tmp_path / name / "prepared/dataset/text.json").read_text())
        assert held.get(MARKS_NAME) is (True if name == "pairs" else None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "firm"}, "no column 'firm'.*Choose one with --ingest.name, such|no column 'firm'.*--ingest.name"),
        ({"name": "day", "keep": ("day",)}, "name day is in keep too"),
    ],
)
def test_a_column_of_names_that_cannot_be_used_is_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((RequestError, ValueError), match=message):
        ingest(tmp_path / "a", **options)


def test_a_corpus_without_columns_has_no_names(tmp_path: Path) -> None:
    for label in ("good", "bad"):
        (tmp_path / "news" / label).mkdir(parents=True)
        (tmp_path / "news" / label / "1.txt").write_text("Tesco rose")
    with pytest.raises(RequestError, match=r"has no columns beside text and label; leave --ingest.name out"):
        check_request(IngestConfig(path=tmp_path / "news", name="company"))
