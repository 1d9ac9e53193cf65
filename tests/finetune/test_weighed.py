"""Class weights that the validation rows choose, and a model for other shares of the classes than the corpus has."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.errors import RequestError
from tasks.finetune.calibrate import bias_and_temperature
from tasks.finetune.class_prior import read_shares, shares_in_order
from tasks.finetune.class_weights import class_weights
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.summed import expected_accuracy, for_prior, importance
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier, Tokens
from tasks.model.scores import log_softmax
from tasks.prepare.read import read_split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ["down", "up"]


@pytest.fixture
def uneven(write_dataset: Callable[..., Path]) -> Path:
    """300 documents of which one in five is `down`; a word tells the class in three of four, and else misleads."""
    source = random.Random(4)
    rows = []
    for number in range(300):
        label = "down" if number % 5 == 0 else "up"
        said = label if source.random() < 0.75 else ("up" if label == "down" else "down")
        split = "valid" if number % 3 == 0 else "train"
        rows.append((str(number), split, label, [said, *source.choices(["the", "market", "was", "it"], k=4)]))
    return write_dataset(rows, NAMES, "uneven")


@pytest.fixture
def train(uneven: Path, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], Path]]:
    made = iter(range(100))

    def call(**settings: Any) -> tuple[dict[str, Any], Path]:
        folder = tmp_path / f"model{next(made)}"
        (scratch := folder.with_name(f"{folder.name}-scratch")).mkdir()
        folder.mkdir()
        return write_model(FinetuneConfig(threads=1, **settings), uneven, None, folder, scratch), folder

    return call


def test_shares_of_the_loss_are_what_was_asked_for() -> None:
    labels_N = np.repeat([0, 1, 2], [80, 18, 2])
    for way, wanted in (("sqrt", np.sqrt([80, 18, 2])), ("balanced", np.ones(3)), ((0.5, 0.3, 0.2), np.array([0.5, 0.3, 0.2]))):
        weights_C = class_weights(labels_N, way)
        assert weights_C is not None
        share_C = np.bincount(labels_N, weights=weights_C[labels_N]) / 100
        np.testing.assert_allclose(share_C, wanted / wanted.sum(), rtol=1e-6)
    np.testing.assert_allclose(importance(labels_N, (0.5, 0.25, 0.25))[[0, 80, 98]], [50 / 80, 25 / 18, 25 / 2])


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (["up"], "'up' is no share of a class"),
        (["up=1.5", "down=0.5"], "'up=1.5' is no share"),
        (["up=0.5", "up=0.5"], "'up' has two shares"),
        (["up=0.5", "down=0.4"], "the shares add up to 0.9"),
    ],
)
def test_what_is_no_prior_is_refused(written: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FinetuneConfig(class_prior=written)


def test_a_prior_names_the_labels_of_the_rows() -> None:
    assert read_shares(["a=b=0.333", "c=0.667"]) == pytest.approx({"a=b": 0.333, "c": 0.667})
    assert shares_in_order(["up=0.4", "down=0.6"], NAMES) == (0.6, 0.4)
    with pytest.raises(RequestError, match="'Up' is no label of the train rows; give a share to each of 'down', 'up'"):
        shares_in_order(["Up=0.4", "down=0.6"], NAMES)
    with pytest.raises(RequestError, match="'flat' has no share"):
        shares_in_order(["up=0.4", "down=0.6"], [*NAMES, "flat"])
    with pytest.raises(ValueError, match="class_weights prior weighs classes as class_prior says"):
        FinetuneConfig(class_weights="prior")


def test_a_prior_that_is_not_given_is_in_no_key() -> None:
    assert "class_prior" not in FinetuneConfig().model_dump()
    assert FinetuneConfig(class_prior=["a=0.5", "b=0.5"]).model_dump()["class_prior"] == ("a=0.5", "b=0.5")


def test_a_model_is_shifted_to_the_prior_however_its_classes_were_weighed() -> None:
    """Logits that weights of the classes, a scale and an offset have moved come to what Bayes' rule says."""
    source = np.random.default_rng(2)
    labels_N = (source.random(5_000) < 0.2).astype(np.int64)
    score_N = source.normal(0, 1, 5_000) + 2 * labels_N  # log-odds of 1 at equal shares: 2 * score - 2
    logits_NC = np.stack([np.zeros(5_000), 3 * (2 * score_N - 2) + 0.7], axis=1)
    shift_C, degrees = for_prior(logits_NC, labels_N, (0.3, 0.7))
    odds_N = np.diff((logits_NC + shift_C) / degrees)[:, 0]
    np.testing.assert_allclose(odds_N, 2 * score_N - 2 + np.log(0.7 / 0.3), atol=0.4)
    bias_C, alone = bias_and_temperature(logits_NC, labels_N)
    target_NC = np.full((5_000, 2), 1 / 5_002)
    target_NC[np.arange(5_000), labels_N] += 5_000 / 5_002

    def loss(bias: float, degrees: float) -> float:
        return float(-(target_NC * log_softmax((logits_NC + np.array([-bias, bias])) / degrees)).sum())

    best = loss(bias_C[1], alone)
    assert alone == degrees
    assert best <= min(loss(bias_C[1] + 0.05, alone), loss(bias_C[1] - 0.05, alone))
    assert best <= min(loss(bias_C[1], alone * 1.05), loss(bias_C[1], alone / 1.05))
    no_rows = for_prior(np.zeros((0, 2)), labels_N[:0], (0.3, 0.7))
    assert np.diff(no_rows[0] / no_rows[1])[0] == pytest.approx(np.log(7 / 3))


@pytest.mark.parametrize("ways", ["none", "balanced", "prior"])
def test_a_model_answers_for_the_prior(ways: str, train: Callable[..., Any], uneven: Path) -> None:
    report, folder = train(model="tfidf", ngrams=1, class_weights=ways, class_prior=["down=0.6", "up=0.4"])
    classifier, valid = Classifier.load(folder), read_split(uneven, "valid")
    probabilities_NC = classifier.probabilities(valid.tokens)
    labels_N = np.array([NAMES.index(label) for label in valid.labels.to_pylist()])
    importance_N = importance(labels_N, (0.6, 0.4))
    assert np.average(probabilities_NC[:, 0], weights=importance_N) == pytest.approx(0.6, abs=0.03)
    found = np.average(probabilities_NC.argmax(1) == labels_N, weights=importance_N)
    assert report["valid_prior_accuracy"] == pytest.approx(found)
    texts = [["down", "the", "market"], ["up", "the", "market"]]
    split, down_2 = classifier.split(Tokens(texts)), classifier.probabilities(texts)[:, 0]
    np.testing.assert_allclose(split.logits, classifier.logits(texts), rtol=1e-6)
    shares = split.toward(np.array([[1.0, -1.0]] * 2))
    sums_2 = shares.alone + shares.remainder + shares.words.reshape(2, 3).sum(1)
    np.testing.assert_allclose(sums_2, np.log(down_2 / (1 - down_2)), rtol=1e-4)


def test_the_validation_rows_choose_the_weights(train: Callable[..., Any], tmp_path: Path) -> None:
    report, folder = train(model="tfidf", ngrams=1, class_weights="auto", refit=True, class_prior=["down=0.6", "up=0.4"])
    tried = {name: report["class_weights"][name] for name in ("none", "sqrt", "balanced", "prior")}
    chosen = report["class_weights"]["chosen"]
    assert tried[chosen] == max(tried.values())
    assert report["notes"][0].startswith(f"class weights {chosen}: valid accuracy under class_prior 0.")
    model = json.loads((folder / "model.json").read_text())
    assert model["class_prior"] == {"down": 0.6, "up": 0.4}
    same, again = train(model="tfidf", ngrams=1, class_weights=chosen, refit=True, class_prior=["down=0.6", "up=0.4"])
    assert (folder / "weights.safetensors").read_bytes() == (again / "weights.safetensors").read_bytes()
    assert same["valid_prior_accuracy"] == pytest.approx(report["valid_prior_accuracy"])
    plain, kept = train(model="tfidf", ngrams=1, class_weights="auto")
    assert set(plain["class_weights"]) == {"chosen", "judged by", "none", "sqrt", "balanced"}
    assert plain["class_weights"]["judged by"] == "accuracy"
    assert plain["valid_accuracy"] == plain["class_weights"][plain["class_weights"]["chosen"]]
    assert Classifier.load(kept).probabilities(pa.array([["up"]])).argmax() == 1


def test_expected_accuracy_counts_classes_by_their_shares() -> None:
    logits_NC, labels_N = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1])
    assert expected_accuracy(logits_NC, labels_N, None) == 0.75
    assert expected_accuracy(logits_NC, labels_N, (0.5, 0.5)) == pytest.approx(0.5)
    assert expected_accuracy(logits_NC[:3], labels_N[:3], (0.5, 0.5)) == 1.0  # no row of the other: nothing to expect of it
