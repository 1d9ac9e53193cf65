from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from tasks.evaluate.metrics import outcomes
from tasks.evaluate.prior import measure_under

NAMES = ["bad", "fine", "good"]


def test_figures_are_those_of_rows_weighted_to_the_prior() -> None:
    source = np.random.default_rng(3)
    truth = source.choice(NAMES, 400, p=[0.1, 0.2, 0.7])
    logits_NC = source.normal(0, 1, (400, 3)) + 1.5 * (truth[:, None] == np.array(NAMES))
    probabilities_NC = np.exp(logits_NC) / np.exp(logits_NC).sum(1, keepdims=True)
    rows = outcomes(truth.tolist(), NAMES, probabilities_NC)
    shares = {"bad": 0.5, "fine": 0.3, "good": 0.2}
    found = measure_under(rows, shares, bins=10, resamples=500, seed=1)
    weight_N = np.array([shares[label] / (truth == label).sum() for label in truth])
    said = np.array(NAMES)[probabilities_NC.argmax(1)]
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, said, sample_weight=weight_N))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro", sample_weight=weight_N))
    assert found["log_loss"] == pytest.approx(log_loss(truth, probabilities_NC, sample_weight=weight_N, labels=NAMES))
    low, high = found["intervals"]["accuracy"]
    assert low < found["accuracy"] < high
    error = np.sqrt(sum(shares[k] ** 2 * (r := (said == truth)[truth == k]).mean() * (1 - r.mean()) / len(r) for k in NAMES))
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert found["untested"] == []


def test_classes_without_test_rows_are_named_and_rows_that_are_all_right_claim_no_certainty() -> None:
    rows = outcomes(["good", "good", "bad", "other"], NAMES, np.array([[0, 0, 1.0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]))
    found = measure_under(rows, {"bad": 0.5, "fine": 0.25, "good": 0.25}, bins=5, resamples=100, seed=1)
    assert found["untested"] == ["fine"]
    assert found["accuracy"] == pytest.approx(1.0)
    assert found["intervals"]["accuracy"][0] < 0.6
