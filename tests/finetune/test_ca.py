from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.finetune.logistic import Solver, logistic_regression
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tasks.model.scores import log_softmax

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., tuple[dict, Path]]:
    def call(data: Path, name: str = "model", **values: object) -> tuple[dict, Path]:
        settings = {"model": "ca", "ca_dim": 8, "ca_min_documents": 2, "ngrams": 2, "threads": 1} | values
        folder, scratch = tmp_path / name, tmp_path / f"scratch-{name}"
        folder.mkdir()
        scratch.mkdir()
        return write_model(FinetuneConfig(**settings), data, None, folder, scratch), folder

    return call


@pytest.fixture
def linked(rows: list, write_dataset: Callable[..., Path]) -> Path:
    """The rows, and unlabelled ones in which a word that no labelled row has keeps company with the cues of one label."""
    company = {"dismal": "awful dull sinking", "middling": "average usual steady", "splendid": "great superb rising"}
    texts = [[word, *cues.split()] for word, cues in company.items() for _ in range(20)]
    unlabelled = [(f"unlabelled/{at}", "unlabelled", None, [*tokens, "the", "plot"]) for at, tokens in enumerate(texts)]
    return write_dataset([*rows, *unlabelled], name="linked")


def test_logistic_regression_finds_what_scikit_learn_finds() -> None:
    source = np.random.default_rng(0)
    features_ND = source.normal(size=(200, 4)).astype(np.float32)
    labels_N = (features_ND[:, :3] + source.normal(size=(200, 3))).argmax(1)
    weights_DC, bias_C = logistic_regression(features_ND, labels_N, 3, 0.01, solver=Solver(100))
    theirs = LogisticRegression(C=1 / (0.01 * 200), tol=1e-8, max_iter=1000).fit(features_ND, labels_N)
    ours_NC = np.exp(log_softmax(features_ND @ weights_DC + bias_C))
    np.testing.assert_allclose(ours_NC, theirs.predict_proba(features_ND), atol=2e-3)


def test_a_class_that_weighs_more_is_answered_more_often() -> None:
    features_ND, labels_N = np.zeros((10, 1), np.float32), np.array([0] * 9 + [1])
    plain = logistic_regression(features_ND, labels_N, 2, 0.1, solver=Solver(100))[1]
    importance_N = np.array([10 / 18, 10 / 2])[labels_N]
    balanced = logistic_regression(features_ND, labels_N, 2, 0.1, importance_N, solver=Solver(100))[1]
    assert (plain[0] - plain[1]).item() == pytest.approx(np.log(9), abs=1e-3)
    assert (balanced[0] - balanced[1]).item() == pytest.approx(0, abs=1e-3)


def test_unlabelled_text_teaches_words_that_no_labelled_row_has(train: Callable, linked: Path) -> None:
    report, folder = train(linked)
    classifier = Classifier.load(folder)
    found = classifier.probabilities([["dismal"], ["middling"], ["splendid"]]).argmax(1)
    assert [classifier.labels[number] for number in found] == ["bad", "fine", "good"]
    assert report["views"]["ca"]["valid_accuracy"] > 0.9
    assert json.loads((folder / "model.json").read_text())["views"]["ca"]["documents"] > 60
    without = Classifier.load(train(linked, "without", ca_unlabelled=0)[1])
    assert len(cast("Any", without.views["ca"]).vocabulary.encode([["dismal"]])[0]) == 0


def test_unlabelled_rows_beyond_the_limit_are_not_read(train: Callable, linked: Path, rows: list) -> None:
    num_train = sum(row[1] == "train" for row in rows)
    for limit in (0, 7, 1000):
        _, folder = train(linked, f"limit{limit}", ca_unlabelled=limit)
        settings = json.loads((folder / "model.json").read_text())
        assert settings["views"]["ca"]["documents"] == num_train + min(limit, 60)
        read = list((folder.parent / f"scratch-limit{limit}").glob("unlabelled.words"))
        assert [path.stat().st_size for path in read] == [4 * 6 * min(limit, 60)] * bool(limit)


def test_valid_rows_change_only_a_refit_and_give_it_no_ngrams(
    train: Callable, rows: list, write_dataset: Callable[..., Path]
) -> None:
    extra = [(f"valid/x{number}", "valid", "good", ["only", "here"]) for number in range(3)]
    data = write_dataset([*rows, *extra], name="extra")
    models = {refit: train(data, f"refit-{refit}", refit=refit) for refit in (False, True)}
    known = [cast("Any", Classifier.load(folder).views["ca"]).vocabulary.words for _, folder in models.values()]
    assert known[0] == known[1]
    assert "only" not in known[0]
    assert models[True][0]["views"]["ca"]["members"][0]["refit"]["rows"] == len(rows) + 3
    assert models[True][0]["valid_accuracy"] == models[False][0]["valid_accuracy"]
    weights = [(folder / "weights.safetensors").read_bytes() for _, folder in models.values()]
    assert weights[0] != weights[1]


def test_equal_calls_write_equal_bytes(train: Callable, linked: Path) -> None:
    folders = [train(linked, name)[1] for name in ("one", "two")]
    files = sorted(
        path.relative_to(folders[0]) for path in folders[0].rglob("*") if path.is_file() and "side" not in path.parts
    )
    assert {str(path) for path in files} >= {"weights.safetensors", "ca/ngrams.json", "ca/ngrams.safetensors"}
    for path in files:
        assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path


def test_a_corpus_whose_ngrams_are_all_too_rare_gives_the_prior(train: Callable, linked: Path) -> None:
    report, folder = train(linked, ca_min_documents=1000)
    probabilities_NC = Classifier.load(folder).probabilities([["dismal"], []])
    np.testing.assert_array_equal(probabilities_NC[0], probabilities_NC[1])
    assert report["views"]["ca"]["valid_accuracy"] < 0.6
