"""Labels that people gave replace those of the same texts, go to rows without one, and bring texts of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.equation import equation
from tasks.ingest.corpus import write_corpus
from tasks.ingest.given import CHANGED
from tasks.ingest.says import says
from tasks.ingest.settings import IngestConfig
from tasks.labels.content import content_key
from tasks.labels.schema import SCHEMA, TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def given(folder: Path, labels: Mapping[str, str], *, only_known: bool = False) -> Path:
    """What the step `labels` makes of labels by text."""
    folder.mkdir()
    rows = [
        {"key": content_key(text), "text": text, "label": label, "source": None if only_known else "labels/1"}
        for text, label in labels.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / TABLE)
    return folder


def ingested(tmp_path: Path, beside: Path | None, **options: Any) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
    """The report of a corpus, and label, split and source of its rows by id."""
    folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    report = write_corpus(IngestConfig.model_validate(options), folder, labels=beside)
    rows = pq.read_table(folder / "corpus.parquet").to_pylist()
    report["changed"] = pq.read_table(folder / CHANGED).to_pylist() if beside else None
    return report, {row["id"]: (row["label"], row["split"], row["source"]) for row in rows}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "news.csv"
    path.write_text(
        "text,label\nSales rose,good\nSales  fell,good\nA  cafe\u0301,bad\nNo idea,\nSales fell,bad\n", encoding="utf-8"
    )
    return path


def test_labels_find_their_texts(corpus: Path, tmp_path: Path) -> None:
    labels = given(
        tmp_path / "labels", {"Sales fell": "bad", "A caf\u00e9": "bad", "No idea": "good", "New": "good", "Sales rose": "good"}
    )
    report, rows = ingested(tmp_path, labels, path=corpus)
    assert [label for label, _, _ in rows.values()] == ["good", "bad", "bad", "good", "bad", "good"]
    assert [(split, source) for _, split, source in rows.values()][3:] == [
        (None, "news.csv"),
        (None, "news.csv"),
        (None, "labels/1"),
    ]
    assert report["given_labels"] == {
        "corrected": 1,
        "confirmed": 3,
        "labelled": 1,
        "rows_added": 1,
        "corrected_test": 0,
        "unknown_label": 0,
        "unused": 0,
    }
    assert report["changed"] == [
        {"id": "news.csv:3", "label": "good", "given": "bad"},
        {"id": "news.csv:5", "label": None, "given": "good"},
    ]
    assert equation(report).startswith("found 6 = kept 6")
    assert "labels given: 1 corrected, 3 confirmed, 1 rows labelled, 1 rows added" in says(report)


def test_without_labels_nothing_of_them_is_told(corpus: Path, tmp_path: Path) -> None:
    report, rows = ingested(tmp_path, None, path=corpus)
    assert "given_labels" not in report
    assert rows["news.csv:5"][:2] == (None, "unlabelled")


def test_a_text_that_the_corpus_lacks_may_be_left_out(corpus: Path, tmp_path: Path) -> None:
    report, rows = ingested(tmp_path, given(tmp_path / "labels", {"New": "good"}, only_known=True), path=corpus)
    assert (len(rows), report["given_labels"]["unused"], report["given_labels"]["rows_added"]) == (5, 1, 0)


def test_labels_beside_an_official_test_split_are_told_and_added_to_train(corpus: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("text,label\nProfit rose,bad\n")
    labels = given(tmp_path / "labels", {"Profit rose": "good", "New": "bad", "No idea": "bad"})
    report, rows = ingested(tmp_path, labels, path=corpus, test_path=test)
    assert report["given_labels"]["corrected_test"] == 1
    assert [rows[each][:2] for each in rows][3:] == [("bad", "train"), ("bad", "train"), ("good", "test"), ("bad", "train")]


def test_only_labels_that_the_request_accepts_are_used(corpus: Path, tmp_path: Path) -> None:
    labels = given(tmp_path / "labels", {"Sales rose": "ugly", "No idea": "good"})
    report, rows = ingested(tmp_path, labels, path=corpus, labels=["good", "bad"])
    assert report["given_labels"]["unknown_label"] == 1
    assert rows["news.csv:2"][0] == "good"


def test_texts_without_labels_become_a_corpus_by_the_labels_that_are_given(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("One\nTwo\nThree\n")
    report, rows = ingested(tmp_path, given(tmp_path / "labels", {"One": "good", "Two": "bad"}), unlabelled=path)
    assert [(label, split) for label, split, _ in rows.values()] == [("good", None), ("bad", None), (None, "unlabelled")]
    assert report["labels"] == {"bad": 1, "good": 1}


def test_a_label_that_was_refused_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("text,label\nOne,maybe\nTwo,bad\nThree,good\n")
    report, rows = ingested(tmp_path, given(tmp_path / "labels", {"One": "good"}), path=path, labels=["good", "bad"])
    assert (report["quarantined"], rows["news.csv:2"][0]) == (0, "good")
