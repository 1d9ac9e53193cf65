"""Measured folds are kept as soon as they are measured, and found again by what was measured, wherever its files lie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import folds, kinds
from benchmarks.fold_results import FoldResults, command_line, what_is_measured
from tasks.config import PipelineConfig
from tests.encoders import WORDS, watched_encoder, write_encoder
from tests.writers import write_corpus

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fold_is_found_by_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    FoldResults(path, {"seed": 1}, "one").add(0, {"accuracy": 0.5})
    FoldResults(path, {"seed": 2}).add(0, {"accuracy": 0.7})
    kept = FoldResults(path, {"seed": 1})
    kept.add(3, {"accuracy": 0.6})
    assert [kept.find(0)["accuracy"], kept.find(3)["accuracy"], kept.find(1)] == [0.5, 0.6, None]  # type: ignore[index]
    assert FoldResults(path, {"seed": 3}).find(0) is None
    assert {each["command"] for each in json.loads(path.read_text()).values()} == {"one", ""}
    nothing = FoldResults(None, {"seed": 1})
    nothing.add(0, {})
    assert nothing.find(0) is None


def test_what_is_measured_has_no_place_in_it(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", [("1", "profit rose", "good", None)]) / "corpus.parquet"

    def what(**encoder: Any) -> dict[str, Any]:
        config = PipelineConfig.model_validate({"finetune": {"model": "encoder", "encoder": encoder}})
        return what_is_measured(config, corpus, folds=3)

    assert what(model=str(tmp_path)) == what(model=f"desk/tiny@{'0' * 40}")
    assert str(tmp_path) not in json.dumps(what(model=str(tmp_path)))
    assert what(l2=0.5) != what()
    assert what(l2=0.5)["finetune"] == {"model": "encoder", "encoder": {"l2": 0.5}}
    assert what()["finetune"] == {"model": "encoder"}
    assert what().keys() == {"rows", "finetune", "folds"}
    assert command_line("benchmarks.folds", ["--ingest.path", str(tmp_path / "corpus.parquet"), "--plain"]) == (
        "python -m benchmarks.folds --ingest.path corpus.parquet --plain"
    )


def test_scores_are_read_as_they_were_written() -> None:
    scores = folds.Scores(0.7, 0.6, 1.0, np.array([True, False, True] * 3), 2.0, {"cnn": 3})
    read = folds.Scores.read(json.loads(json.dumps(scores.written())))
    assert (read.correct == scores.correct).all()
    assert read.written() == scores.written()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    random, made = np.random.default_rng(1), []
    for number in range(60):
        label = ("good", "bad")[number % 2]
        words = [WORDS[at] for at in random.integers(12, len(WORDS), 8)]
        made.append(" ".join([*words, {"good": "superb", "bad": "awful"}[label]]) + f"@{label}")
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(made) + "\n", encoding="utf-8")
    return path


def test_an_encoder_is_measured_on_folds_and_goes_on_from_the_file(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = write_encoder(tmp_path / "pretrained")
    encoded = watched_encoder(monkeypatch)
    words = ["--folds", "3", "--plain", "--results", str(tmp_path / "folds.json"), "--work", str(tmp_path / "work")]
    words += ["--ingest.path", str(lines), "--ingest.delimiter", "@", "--finetune.model", "tfidf+encoder"]
    words += ["--finetune.encoder.model", str(pretrained), "--finetune.encoder.max-len", "32", "--finetune.threads", "1"]
    assert folds.main([*words, "--only", "0", "1"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(encoded) == 60  # each text once, for all folds and both parts of them
    monkeypatch.setattr(folds, "measure_fold", _only(2, folds.measure_fold))
    assert folds.main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["folds"][:2] == first["folds"]
    assert again["test_rows"] == 60
    assert len(encoded) == 60
    written = json.loads((tmp_path / "folds.json").read_text())
    ((campaign,),) = [list(written.values())]
    assert campaign["folds"].keys() == {"0", "1", "2"}
    assert campaign["folds"]["0"]["textmill"]["cpu_seconds"] > 0
    assert str(tmp_path) not in json.dumps(written)


def _only(number: int, measure: Any) -> Any:
    def measured(config: Any, corpus: Any, folds_N: Any, fold: int, given: Any) -> Any:
        assert fold == number
        return measure(config, corpus, folds_N, fold, given)

    return measured


def test_kinds_with_a_tuned_encoder_have_the_chosen_epoch(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrained = write_encoder(tmp_path / "pretrained")
    words = ["--models", "tfidf", "encoder", "--folds", "2", "--only", "1", "--results", str(tmp_path / "kinds.json")]
    words += ["--ingest.path", str(lines), "--ingest.delimiter", "@", "--finetune.model", "encoder", "--finetune.threads", "1"]
    words += ["--finetune.encoder.model", str(pretrained), "--finetune.encoder.max-len", "32"]
    words += ["--finetune.encoder.train", "last:1", "--finetune.encoder.epochs", "2"]
    assert kinds.main(words) == 0
    once = capsys.readouterr().out
    (campaign,) = json.loads((tmp_path / "kinds.json").read_text()).values()
    assert campaign["folds"]["1"]["encoder"]["epochs"]["encoder"] in (1, 2)
    assert campaign["folds"]["1"]["tfidf"]["epochs"] == {}
    assert kinds.main(words) == 0
    assert capsys.readouterr().out == once
