"""Texts with several labels: what is kept, counted, listed, and said."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.prepare.cautions import cautions
from tasks.prepare.contradictions import CONTRADICTIONS
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig


def ordinary(
    make_text: Callable[..., str], count: int, labels: Sequence[str] = ("neg", "pos"), prefix: str = "r"
) -> list[tuple[str, str, str | None, str | None]]:
    return [(f"{prefix}{i:04}", make_text(), labels[i % len(labels)], None) for i in range(count)]


def prepare(corpus: Path, folder: Path, **options: Any) -> dict[str, Any]:
    folder.mkdir()
    return write_dataset(PrepareConfig(**options), corpus, folder)


@pytest.fixture
def contradicting(make_text: Callable[..., str]) -> list[tuple[str, str, str | None, str | None]]:
    """Sixty texts that are both negative and positive, one of them three times positive, and other rows of two classes."""
    both = [make_text() for _ in range(60)]
    rows = [(f"{label}{i:02}", text, label, None) for label in ("pos", "neg") for i, text in enumerate(both)]
    return [*rows, ("pos60", both[0], "pos", None), *ordinary(make_text, 300, ("pos", "neutral"))]


def test_all_sides_are_left_out_and_said(
    contradicting: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    report = prepare(write_corpus(contradicting), tmp_path / "out")
    assert report["found"] == report["kept"] + report["duplicates"] + report["quarantined"] == 421
    assert report["dropped"] == {"contradiction": 121}
    first, lost, *_ = cautions(report, "FILE")
    assert first.startswith("60 texts have several labels (121 rows), such as 'w")
    assert "(1 x 'neg', 2 x 'pos')" in first
    assert first.endswith("all these rows are left out (prepare.contradictions drop); listed in FILE")
    assert lost == "of these classes most texts are left out, kept are: 'neg' 0 of 60"


@pytest.mark.parametrize(("rule", "left_out", "positive"), [("majority", 119, 151), ("first", 60, 210)])
def test_a_side_can_be_kept(
    rule: str,
    left_out: int,
    positive: int,
    contradicting: list[tuple[str, str, str | None, str | None]],
    write_corpus: Callable[..., Path],
    tmp_path: Path,
) -> None:
    report = prepare(write_corpus(contradicting), tmp_path / "out", contradictions=rule)
    assert report["dropped"] == {"contradiction": left_out, "labelled_duplicate": 1}
    assert sum(side.get("pos", 0) for side in report["labels"].values()) == positive
    assert f"{left_out} rows are left out, and the label of" in cautions(report)[0]


def test_they_can_be_an_error_that_names_one(
    contradicting: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(
        RequestError, match=r"60 texts with 121 rows have several labels, such as 'w.*' \(1 x 'neg', 2 x 'pos'\)"
    ):
        prepare(write_corpus(contradicting), tmp_path / "out", contradictions="error")
    plain = write_corpus([row for row in contradicting if row[2] != "neg"], name="plain")
    assert prepare(plain, tmp_path / "two", contradictions="error")["contradictions"]["texts"] == 0


def test_the_file_lists_every_row_of_such_a_text(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ordinary(make_text, 200)
    text = rows[7][1]
    rows += [("exact", text.upper(), "neutral", None), ("near", rows[9][1] + " more", "neutral", None)]
    rows += [(f"n{i}", make_text(), "neutral", None) for i in range(60)]
    report = prepare(write_corpus(rows), tmp_path / "out", contradictions="first")
    listed = pq.read_table(tmp_path / "out" / CONTRADICTIONS).to_pylist()
    split = {row["id"]: row["kept_in"] for row in listed}
    assert [(row["id"], row["text_number"], row["duplicate"], row["label"]) for row in listed] == [
        ("r0007", 1, "exact", "pos"),
        ("r0009", 2, "near", "pos"),
        ("exact", 1, "exact", "neutral"),
        ("near", 2, "near", "neutral"),
    ]
    assert listed[2]["text"] == text.upper()
    assert split["exact"] is None
    assert split["r0009"] == split["near"] is not None
    assert (report["contradictions"]["near_rows"], report["contradictions"]["near_groups"]) == (2, 1)
    assert report["contradictions"]["examples"] == [{"text": text, "labels": {"pos": 1, "neutral": 1}}]


def test_near_contradictions_are_kept(make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    rows = ordinary(make_text, 200)
    near = [(f"n{i}", f"{rows[i][1]} x{i}", rows[i + 1][2], None) for i in range(30)]
    report = prepare(write_corpus(rows + near), tmp_path / "out")
    assert report["kept"] == 230
    assert report["contradictions"]["near_rows"] == 60
    assert not any("several labels" in line for line in cautions(report))


def test_rows_of_an_official_test_split_are_counted_alone(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ordinary(make_text, 200)
    test = [(f"t{i}", make_text(), ("neg", "pos")[i % 2], "test") for i in range(40)]
    test += [("twin", test[0][1], "pos", "test"), ("train", test[1][1], "neg", "train")]
    report = prepare(write_corpus(rows + test), tmp_path / "out", contradictions="error")
    assert report["splits"]["test"] == 41
    assert report["dropped"] == {"labelled_duplicate_of_test": 1}
    assert report["contradictions"]["texts_of_test"] == 2
    assert cautions(report)[0].startswith("2 texts of the test split have other labels too, such as 'w")
    both = write_corpus([*test, ("one", "a b c", "pos", None), ("two", "a b c", "neg", None), *rows], name="both")
    said = cautions(prepare(both, tmp_path / "second"))[0]
    assert said.startswith("1 text has several labels (2 rows), such as 'a b c'")
    assert "2 texts of the test split have other labels too" in said


def test_nothing_is_written_or_said_where_nothing_is_in_doubt(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    report = prepare(write_corpus(ordinary(make_text, 400)), tmp_path / "out")
    assert cautions(report) == []
    assert not (tmp_path / "out" / CONTRADICTIONS).exists()


def test_rare_classes_few_test_rows_and_one_large_class_are_named(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ordinary(make_text, 100, ("good",)) + ordinary(make_text, 5, ("bad\x1b[1m",), "b")
    said = cautions(prepare(write_corpus(rows), tmp_path / "out", test_share=0.1))
    assert said[0].startswith("1 class has fewer than 20 rows, too few to learn much from: 'bad\\x1b[1m' 5")
    assert "test rows: all figures of the test are rough" in said[1]
    assert "of the train rows are of one class, 'good'" in said[2]
    assert len(said) == 3


def test_labels_that_only_test_has_are_named(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    test = [(f"t{i}", make_text(), ("neg", "new")[i % 2], "test") for i in range(40)]
    said = cautions(prepare(write_corpus(ordinary(make_text, 200) + test), tmp_path / "out"))
    assert said == ["test rows have labels that no train row has, so no model can get them right: 'new'"]


def test_many_whole_numbers_as_labels_are_doubted(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    years = [str(1990 + i) for i in range(21)]
    said = cautions(prepare(write_corpus(ordinary(make_text, 840, years)), tmp_path / "out"))
    assert said == [
        "the 21 labels of train are all numbers: if they are a score, make a few classes of them with --ingest.label-bins"
    ]
    stars = [str(i) for i in range(1, 11)]
    assert cautions(prepare(write_corpus(ordinary(make_text, 400, stars), name="stars"), tmp_path / "two")) == []
