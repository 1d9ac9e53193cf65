"""Texts alone: any layout is read without labels, and parted by the rules that hold for a corpus with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.settings import TextsConfig
from tasks.ingest.texts import check_texts, write_texts
from tasks.language.settings import SplitConfig
from tasks.prepare.cautions import cautions
from tasks.prepare.dataset import write_dataset
from tests.writers import write_tar

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, path: Path, **settings: Any) -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
    folder.mkdir()
    report = write_texts(TextsConfig(path=path, **settings), folder)
    rows = pq.read_table(folder / "corpus.parquet").to_pylist()
    assert {row["label"] for row in rows} == {"text"}
    return report, [(row["text"], row["split"]) for row in rows]


def texts(rows: list[tuple[str, str | None]]) -> list[str]:
    return [text for text, _ in rows]


def test_folders_archives_tables_and_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "in/good").mkdir(parents=True)
    (tmp_path / "in/good/a.txt").write_text("profit\nrose")
    (tmp_path / "in/b.txt").write_text("loss")
    assert texts(read(tmp_path / "1", tmp_path / "in")[1]) == ["loss", "profit\nrose"]
    archive = write_tar(tmp_path / "in.tar.gz", {"x/a.txt": b"profit", "x/b.txt": b"loss"})
    assert texts(read(tmp_path / "2", archive)[1]) == ["profit", "loss"]
    (tmp_path / "t.csv").write_text("id,body,stars\n1,profit,5\n2,loss,\n")
    assert texts(read(tmp_path / "3", tmp_path / "t.csv", text="body")[1]) == ["profit", "loss"]
    (tmp_path / "lines.txt").write_text("profit rose\n\nloss\n")
    assert texts(read(tmp_path / "4", tmp_path / "lines.txt")[1]) == ["profit rose", "loss"]
    (tmp_path / "titles.txt").write_text("利润\t3\n亏损\t4\n")
    plain = {"text": "0", "delimiter": "\t", "header": False}
    assert texts(read(tmp_path / "5", tmp_path / "titles.txt", **plain)[1]) == ["利润", "亏损"]


def test_the_first_documents_are_read_until_there_are_enough_words_and_the_test_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two\nthree four\nfive six\n")
    report, rows = read(tmp_path / "1", tmp_path / "a.txt", max_words=3, test_path=tmp_path / "a.txt")
    assert [split for _, split in rows] == ["train"] * 2 + ["test"] * 3
    assert report["found"] == report["kept"] == 5


def test_a_text_of_a_megabyte_is_kept_and_one_that_is_too_long_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * 220_000 + "\nshort\n")
    report, rows = read(tmp_path / "1", tmp_path / "long.txt")
    assert [len(text) > 1_000_000 for text in texts(rows)] == [True, False]
    report, rows = read(tmp_path / "2", tmp_path / "long.txt", max_chars=1000)
    assert (texts(rows), report["reasons"]) == (["short"], {"too_long": 1})


def test_they_are_parted_without_a_word_about_classes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "\n".join(f"document {number} of {number * 7} about {number * 11}" for number in range(200))
    )
    read(tmp_path / "corpus", tmp_path / "a.txt")
    (tmp_path / "made").mkdir()
    report = write_dataset(SplitConfig().step, tmp_path / "corpus", tmp_path / "made")
    assert all(report["splits"][split] for split in ("train", "valid", "test"))
    assert report["splits"]["unlabelled"] == 0
    assert cautions(report) == []


def test_too_few_documents_for_a_validation_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("only one document\n")
    read(tmp_path / "corpus", tmp_path / "a.txt")
    (tmp_path / "made").mkdir()
    with pytest.raises(
        RequestError, match=r"would have no row: 1 distinct train rows are too few to part; give more rows"
    ) as told:
        write_dataset(SplitConfig().step, tmp_path / "corpus", tmp_path / "made")
    assert "\n" not in str(told.value)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"nothing to read: give --ingest\.path"):
        check_texts(TextsConfig())
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match=r"no \.txt file below this folder"):
        check_texts(TextsConfig(path=tmp_path / "empty"))
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfa\xfb\n" * 3)
    (tmp_path / "made").mkdir()
    with pytest.raises(RequestError):
        write_texts(TextsConfig(path=tmp_path / "bad.txt"), tmp_path / "made")
