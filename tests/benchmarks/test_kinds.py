"""Models measured side by side, and the invented corpora that they are measured on."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from benchmarks import kinds, many_classes, signed_news

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.long


def test_each_size_has_a_line_with_every_model_and_the_yardstick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "news.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "label"), *signed_news.rows(160)])
    arguments = ["--models", "tfidf", "--rows", "80", "0", "--folds", "2", "--only", "1", "--ingest.path", str(file)]
    assert kinds.main([*arguments, "--finetune.threads", "1"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["rows"] for line in lines] == [80, 160]
    assert all({"tfidf", "yardstick"} <= line.keys() and line["folds"] == 1 for line in lines)
    assert kinds.main([*arguments[:2], "--rows", "900", "--ingest.path", str(file)]) == 2


def test_a_corpus_of_many_classes_has_as_many_rows_of_each_as_asked_for_but_for_the_noise() -> None:
    assert many_classes.rows(3, 4, noise=0.0) == many_classes.rows(3, 4, noise=0.0)
    counts = Counter(label for _, label in many_classes.rows(5, 8, noise=0.0))
    assert counts == {f"intent_{number:03d}": 8 for number in range(5)}
    assert len({label for _, label in many_classes.rows(150, 2)}) > 140
