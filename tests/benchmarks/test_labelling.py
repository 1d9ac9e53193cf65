"""The measurement of chosen and of corrected labels runs on a small corpus, and goes on where it stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import labelling

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"good": ["rose", "strong", "record"], "bad": ["fell", "weak", "loss"]}
NAMES = ("Alpha", "Beta", "Gamma", "Delta", "Omega", "Sigma", "Kappa")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    lines = ["text,label"]
    for number in range(400):
        label = ("good", "bad")[number % 2]
        said = WORDS[label][number % 3]
        lines.append(f"{NAMES[number % 7]} {NAMES[number // 7 % 7]} {said} in week {NAMES[number // 49 % 7]} {number},{label}")
    (path := tmp_path / "news.csv").write_text("\n".join(lines))
    return path


@pytest.mark.long
def test_both_measurements_run(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "FIRST", 40)
    monkeypatch.setattr(labelling, "MOST_RANDOM", 80)
    monkeypatch.setattr(labelling, "FOLDS", 2)
    options = ["--work", str(tmp_path / "work"), "--draws", "1", "--ingest.path", str(corpus), "--finetune.model", "tfidf"]
    assert labelling.main(["choose", "--most", "60", "--step", "20", *options]) == 0
    assert "| 60 |" in capsys.readouterr().out
    assert labelling.main(["correct", "--flip", "0.1", *options]) == 0
    found = [json.loads(line) for line in (tmp_path / "work/correct.jsonl").read_text().splitlines()]
    assert [each["how"].partition(",")[0] for each in found] == ["true", "changed", "corrected", "corrected"]
    assert found[-1]["found"] <= found[-1]["changed_rows"]
    before = (tmp_path / "work/correct.jsonl").read_bytes()
    assert labelling.main(["correct", "--flip", "0.1", *options]) == 0
    assert (tmp_path / "work/correct.jsonl").read_bytes() == before
