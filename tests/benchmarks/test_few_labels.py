"""The measurement of few labels: what is measured, what is not measured twice, and the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.few_labels import main, table, wanted
from tests.encoders import write_encoder

if TYPE_CHECKING:
    from pathlib import Path


def test_descriptions_alone_are_measured_once_and_small_draws_first() -> None:
    found = list(wanted(["frozen", "zero-shot"], [8, 16], 2))
    assert found == [("frozen", 8, 0), ("zero-shot", 8, 0), ("frozen", 8, 1), ("frozen", 16, 0), ("frozen", 16, 1)]


def test_the_table_has_means_and_deviations() -> None:
    lines: list[dict[str, Any]] = [
        {"name": "frozen", "per_class": 8, "draw": draw, "accuracy": value, "macro_f1": value, "cpu_seconds": 2.0}
        for draw, value in enumerate((0.5, 0.7))
    ]
    lines.append({"name": "frozen", "per_class": 8, "draw": 2, "reason": "too few", "cpu_seconds": 0.1})
    assert table(lines).splitlines()[2] == "| `frozen` | 8 | 2 | 0.600 ± 0.141 | 0.600 ± 0.141 | 2 |"


def test_each_contender_has_the_vectors_that_it_reads(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("negative", "neutral", "positive")
    (labels := tmp_path / "labels.toml").write_text("".join(f'[labels.{name}]\ndescription = "{name}"\n' for name in names))
    encoder = write_encoder(tmp_path / "encoder")
    places = ["--work", str(tmp_path / "work"), "--encoder", str(encoder), "--labels", str(labels), "--max-len", "32"]
    words = [*places, "--finetune.model", "tfidf", "--ingest.path", str(corpus), "--sizes", "8", "--draws", "1"]
    assert main([*words, "--only", "frozen", "frozen-last", "described", "zero-shot"]) == 0
    measured = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [each["name"] for each in measured] == ["frozen", "frozen-last", "described", "zero-shot"]
    assert all(0 <= each["accuracy"] <= 1 for each in measured)


def test_the_same_command_again_measures_what_is_missing(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    words = [
        *(
            "--work",
            str(tmp_path / "work"),
            "--encoder",
            str(encoder),
            "--max-len",
            "32",
            "--sizes",
            "8",
            "--finetune.model",
            "tfidf",
        )
    ]
    words += ["--ingest.path", str(corpus), "--only", "yardstick", "ngrams", "frozen"]
    assert main([*words, "--draws", "1"]) == 0
    assert main([*words, "--draws", "2"]) == 0
    shown = capsys.readouterr()
    measured = [json.loads(line) for line in shown.err.splitlines() if line.startswith("{")]
    assert [(each["name"], each["draw"]) for each in measured] == [
        *(("yardstick", 0), ("ngrams", 0), ("frozen", 0)),
        *(("yardstick", 1), ("ngrams", 1), ("frozen", 1)),
    ]
    assert all(each["rows"] == 24 and 0 < each["accuracy"] <= 1 for each in measured)
    *_, last, figures = shown.out.splitlines()
    assert last.startswith("| `frozen` | 8 | 2 |")
    found = json.loads(figures)["frozen"]["8"]
    assert found["draws"] == 2
    drawn = [each["accuracy"] for each in measured if each["name"] == "frozen"]
    assert found["accuracy"] == pytest.approx(sum(drawn) / 2, abs=1e-4)
    assert main([*words, "--only", "nothing"]) == 2
