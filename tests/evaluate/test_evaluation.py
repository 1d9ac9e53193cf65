import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.evaluate import evaluation
from tasks.evaluate.evaluation import evaluate_classifier, write_evaluation
from tasks.evaluate.settings import EvaluateConfig
from tasks.finetune.history import read_history
from tasks.finetune.settings import FinetuneConfig
from tests.evaluate.conftest import Corpus, WordClassifier

CONFIG = EvaluateConfig(bootstrap=200, num_errors=3)
HISTORY = {"bag": [{"epoch": 1, "train_loss": 0.5, "valid_loss": 0.4, "valid_accuracy": 0.8}]}


def test_files_and_report_agree(evaluated: tuple[dict[str, Any], Path, Path]) -> None:
    report, folder, _ = evaluated
    metrics = json.loads((folder / "metrics.json").read_text())
    table = pq.read_table(folder / "predictions.parquet", page_checksum_verification=True)
    correct = np.array(table["correct"].to_pylist())
    assert report["accuracy"] == metrics["accuracy"] == correct.mean()
    assert report["test_rows"] == table.num_rows == 80
    assert np.array_equal(correct, np.array(table["label"].to_pylist()) == np.array(table["predicted"].to_pylist()))
    assert table["confidence"].to_pylist() == [max(p) for p in table["probabilities"].to_pylist()]
    assert metrics["train_rows"] == {"bad": 120, "good": 120}
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert (folder / report["report"]).is_file()
    assert sorted(file.name for file in folder.iterdir()) == ["metrics.json", "predictions.parquet", "side"]
    side = ["confusion.png", "history.png", "reliability.png", "report.html", "risk_coverage.png", "yardstick.png"]
    assert sorted(file.name for file in (folder / "side").iterdir()) == side


def test_errors_are_the_most_confident_ones(evaluated: tuple[dict[str, Any], Path, Path]) -> None:
    _, folder, _ = evaluated
    errors = json.loads((folder / "metrics.json").read_text())["errors"]
    table = pq.read_table(folder / "predictions.parquet").to_pylist()
    wrong = sorted((row["confidence"] for row in table if not row["correct"]), reverse=True)
    assert [error["confidence"] for error in errors] == wrong[:3]
    assert all(error["label"] != error["predicted"] and error["predicted"] in error["text"] for error in errors)


def test_errors_quote_the_text_as_it_was_ingested_on_one_line(
    make_corpus: Callable[..., Corpus], classifier: WordClassifier, tmp_path: Path
) -> None:
    def text_of(tokens: list[str]) -> str:
        return f"<p>The “{tokens[0].upper()}”,\r\n\r\n\tR&amp;D </p>" + " more words" * 100

    corpus = make_corpus(
        [
            ("1", "train", "bad", ["bad"]),
            ("2", "train", "good", ["good"]),
            ("3", "test", "bad", ["good"]),
            ("4", "test", "bad", ["bad"]),
        ],
        text_of=text_of,
    )
    evaluate_classifier(corpus.evaluation(CONFIG), classifier, {}, tmp_path)
    (error,) = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["errors"]
    assert error["id"] == "3"
    assert error["text"].startswith("<p>The “GOOD”, R&amp;D </p> more words more")
    assert error["text"].endswith((" words…", " more…"))
    assert 390 < len(error["text"]) <= 400
    assert "&lt;p&gt;The “GOOD”, R&amp;amp;D &lt;/p&gt; more words" in (tmp_path / "side/report.html").read_text(
        encoding="utf-8"
    )


def test_texts_that_lack_a_row_are_refused(
    make_corpus: Callable[..., Corpus], classifier: WordClassifier, reviews: Corpus, tmp_path: Path
) -> None:
    corpus = make_corpus([("1", "train", "bad", ["bad"]), ("2", "train", "good", ["good"]), ("3", "test", "bad", ["good"])])
    with pytest.raises(ValueError, match="lacks the texts of 1 test rows"):
        evaluate_classifier(replace(corpus.evaluation(CONFIG), texts=reviews.texts), classifier, {}, tmp_path)


def test_comparison_pairs_the_rows_with_the_yardstick(evaluated: tuple[dict[str, Any], Path, Path]) -> None:
    report, folder, yardstick = evaluated
    one, other = (pq.read_table(place / "predictions.parquet")["correct"].to_numpy() for place in (folder, yardstick))
    accuracy = report["comparison"]["accuracy"]
    assert accuracy["only_a"] == (one & ~other).sum()
    assert accuracy["only_b"] == (other & ~one).sum()
    assert accuracy["difference"] == pytest.approx(report["accuracy"] - report["yardstick"]["accuracy"])
    macro = report["comparison"]["macro_f1"]
    assert macro["lower_95"] <= macro["difference"] <= macro["upper_95"]


def test_a_yardstick_of_other_rows_is_refused(
    reviews: Corpus, classifier: WordClassifier, evaluated: tuple[dict[str, Any], Path, Path], tmp_path: Path
) -> None:
    other = shutil.copytree(evaluated[2], tmp_path / "other")
    table = pq.read_table(other / "predictions.parquet")
    pq.write_table(table.take(list(reversed(range(table.num_rows)))), other / "predictions.parquet", write_page_checksum=True)
    with pytest.raises(ValueError, match="other rows"):
        evaluate_classifier(reviews.evaluation(CONFIG, other), classifier, {}, tmp_path)


def test_without_yardstick_and_history(reviews: Corpus, classifier: WordClassifier, tmp_path: Path) -> None:
    report = evaluate_classifier(reviews.evaluation(CONFIG), classifier, {}, tmp_path)
    assert report["yardstick"] is report["comparison"] is None
    assert sorted(file.name for file in (tmp_path / "side").iterdir()) == [
        "confusion.png",
        "reliability.png",
        "report.html",
        "risk_coverage.png",
    ]


def test_equal_input_equal_bytes(reviews: Corpus, classifier: WordClassifier, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        evaluate_classifier(reviews.evaluation(CONFIG), classifier, {}, tmp_path / name)
    for file in ("metrics.json", "predictions.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_documents_are_asked_for_in_batches_with_progress(
    reviews: Corpus, classifier: WordClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Heard:
        def __init__(self) -> None:
            self.done: list[tuple[float, float | None, str]] = []

        def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
            self.done.append((done, total, unit))

        def log(self, metrics: Mapping[str, float], at: int) -> None: ...

    monkeypatch.setattr(evaluation, "BATCH_ROWS", 32)
    heard = Heard()
    evaluate_classifier(reviews.evaluation(CONFIG), classifier, {}, tmp_path, progress=heard)
    assert classifier.calls == [32, 32, 16]
    assert heard.done == [(32, 80, "documents"), (64, 80, "documents"), (80, 80, "documents")]


def test_one_test_row_of_an_unknown_label_without_tokens(
    make_corpus: Callable[..., Corpus], classifier: WordClassifier, tmp_path: Path
) -> None:
    corpus = make_corpus([("1", "train", "bad", ["bad"]), ("2", "train", "good", ["good"]), ("3", "test", "odd", [])])
    report = evaluate_classifier(corpus.evaluation(CONFIG), classifier, {}, tmp_path)
    assert report["accuracy"] == 0.0
    assert "(empty)" in (tmp_path / "side/report.html").read_text()
    assert "not in train" in (tmp_path / "side/report.html").read_text()


def test_no_test_rows_is_the_users_to_mend(
    make_corpus: Callable[..., Corpus], classifier: WordClassifier, tmp_path: Path
) -> None:
    corpus = make_corpus([("1", "train", "bad", ["bad"]), ("2", "train", "good", ["good"])])
    with pytest.raises(RequestError, match="no test rows"):
        evaluate_classifier(corpus.evaluation(CONFIG), classifier, {}, tmp_path)


def test_a_trained_model_is_loaded_from_its_folder(reviews: Corpus, tmp_path: Path) -> None:
    from tasks.finetune.train import write_model

    model, scratch, folder = (tmp_path / name for name in ("model", "scratch", "evaluate"))
    for place in (model, scratch, folder):
        place.mkdir()
    write_model(FinetuneConfig(model="bag", threads=1), reviews.dataset, None, model, scratch)
    report = write_evaluation(reviews.evaluation(CONFIG), model, folder)
    assert report["accuracy"] > 0.75
    assert (folder / "side" / "history.png").is_file()
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert [example["label"] for example in metrics["examples"]] == ["bad", "good"]
    for row in [*metrics["examples"], *metrics["errors"]]:  # the telling word is what made the label
        assert row["predicted"] in [row["text"][start:end] for start, end, level in row["marks"] if level == 3]
    page = (folder / "side" / "report.html").read_text(encoding="utf-8")
    assert "Right, and why" in page
    assert '<mark class="for3">good</mark>' in page


def test_history_by_view_as_a_list_or_not_at_all(tmp_path: Path) -> None:
    assert read_history(tmp_path) == {}
    (tmp_path / "history.json").write_text(json.dumps(HISTORY))
    assert read_history(tmp_path) == HISTORY
    (tmp_path / "history.json").write_text(json.dumps(HISTORY["bag"]))
    assert read_history(tmp_path) == {"model": HISTORY["bag"]}
