from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.metrics import log_loss as sklearn_log_loss

from tasks.evaluate.metrics import (
    bootstrap_intervals,
    expected_calibration_error,
    macro_f1_difference,
    measure,
    outcomes,
    reliability_bins,
    resampled,
)

SETTINGS = {"bins": 15, "bootstrap": 500, "seed": 13}


def drawn(num: int, classes: int, seed: int = 0) -> tuple[list[str], list[str], np.ndarray]:
    generator = np.random.default_rng(seed)
    names = [f"label{number}" for number in range(classes)]
    truth = generator.integers(0, classes, num)
    scores = generator.random((num, classes)) + 0.6 * np.eye(classes)[truth]
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return [names[t] for t in truth], names, probabilities


def test_figures_by_hand() -> None:
    # true a a a b b c, predicted a a b b c c
    probabilities = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 2]] * 0.7 + 0.1
    result = measure(outcomes(list("aaabbc"), list("abc"), probabilities), **SETTINGS)
    assert result["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert result["accuracy"] == pytest.approx(4 / 6)
    a, b, c = (result["per_class"][name] for name in "abc")
    assert (a["precision"], a["recall"], a["support"], a["predicted"]) == (1.0, pytest.approx(2 / 3), 3, 2)
    assert (b["precision"], b["recall"], b["f1"]) == (0.5, 0.5, 0.5)
    assert c["f1"] == pytest.approx(2 / 3)
    assert result["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert result["ece"] == pytest.approx(0.8 - 4 / 6, abs=1e-6)
    assert result["log_loss"] == pytest.approx(-(4 * np.log(0.8) + 2 * np.log(0.1)) / 6, rel=1e-6)


def test_a_label_unseen_in_training_is_an_error_never_a_crash() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], dtype=np.float32)
    rows = outcomes(["a", "c", "aa"], ["a", "b"], probabilities)
    result = measure(rows, **SETTINGS)
    assert result["labels"] == ["a", "aa", "b", "c"]
    assert result["accuracy"] == pytest.approx(1 / 3)
    assert [result["per_class"][name]["trained"] for name in result["labels"]] == [True, False, True, False]
    assert result["per_class"]["c"]["recall"] == 0.0
    assert rows.likelihood.tolist() == [pytest.approx(0.9), 0.0, 0.0]
    assert np.isfinite(result["log_loss"])
    assert result["macro_f1"] == pytest.approx(f1_score(["a", "c", "aa"], ["a", "b", "a"], average="macro", zero_division=0.0))


def test_agrees_with_scikit_learn() -> None:
    truth, names, probabilities = drawn(500, 7)
    result = measure(outcomes(truth, names, probabilities), **SETTINGS)
    predicted = [names[best] for best in probabilities.argmax(axis=1)]
    assert result["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    normal = probabilities.astype(np.float64)
    normal /= normal.sum(axis=1, keepdims=True)
    assert result["log_loss"] == pytest.approx(sklearn_log_loss(truth, normal, labels=names), rel=1e-5)


def test_ece_with_equal_width_bins_by_hand() -> None:
    confidence = np.array([0.55, 0.6, 0.95, 0.85])
    right = np.array([True, False, True, False])
    bins = reliability_bins(confidence, right, 10)
    assert [entry["count"] for entry in bins] == [0, 0, 0, 0, 0, 2, 0, 0, 1, 1]
    assert bins[5]["accuracy"] == 0.5
    assert bins[5]["confidence"] == pytest.approx(0.575)
    assert bins[0]["accuracy"] is None
    assert expected_calibration_error(bins) == pytest.approx(0.5 * 0.075 + 0.25 * 0.05 + 0.25 * 0.85)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(2, 20))
def test_bins_hold_every_row_once_and_ece_is_a_share(rows: Any, bins: int) -> None:
    entries = reliability_bins(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), bins)
    assert sum(entry["count"] for entry in entries) == len(rows)
    assert 0 <= expected_calibration_error(entries) <= 1 + 1e-12
    for entry in entries:
        if entry["count"]:
            assert entry["low"] - 1e-9 <= entry["confidence"] <= entry["high"] + 1e-9


def test_accuracy_interval_is_the_binomial_one() -> None:
    truth, names, probabilities = drawn(2000, 3)
    result = measure(outcomes(truth, names, probabilities), bins=15, bootstrap=4000, seed=1)
    low, high = result["intervals"]["accuracy"]
    error = np.sqrt(result["accuracy"] * (1 - result["accuracy"]) / 2000)
    assert low == pytest.approx(result["accuracy"] - 1.96 * error, abs=0.002)
    assert high == pytest.approx(result["accuracy"] + 1.96 * error, abs=0.002)
    assert result["per_class"]["label0"]["f1_interval"][0] < result["per_class"]["label0"]["f1"]


def test_macro_f1_interval_agrees_with_resampling_rows_one_by_one() -> None:
    truth, names, probabilities = drawn(300, 4)
    rows = outcomes(truth, names, probabilities)
    generator = np.random.default_rng(5)
    slow = []
    for _ in range(250):
        chosen = generator.integers(0, 300, 300)
        slow.append(f1_score(rows.true[chosen], rows.predicted[chosen], average="macro"))
    fast = measure(rows, bins=15, bootstrap=4000, seed=2)["intervals"]["macro_f1"]
    assert fast == pytest.approx(np.quantile(slow, [0.025, 0.975]).tolist(), abs=0.015)


def test_a_label_that_never_occurs_has_no_interval() -> None:
    intervals = bootstrap_intervals(np.array([[3, 1, 0], [1, 2, 0], [0, 0, 0]]), resamples=200, seed=0)
    assert intervals["f1"][2] is None
    assert intervals["f1"][0][0] <= intervals["f1"][0][1]


def test_pieces_of_resamples_are_bounded_and_whole() -> None:
    counts = np.full(30_000, 2)
    pieces = list(resampled(counts, 200, seed=3))
    assert max(piece.size for piece in pieces) <= 2_000_000
    assert sum(len(piece) for piece in pieces) == 200
    assert {int(total) for piece in pieces for total in piece.sum(axis=1)} == {60_000}


def test_equal_seed_equal_figures_and_another_seed_others() -> None:
    rows = outcomes(*drawn(400, 3))
    first = measure(rows, **SETTINGS)
    assert first == measure(rows, **SETTINGS)
    assert first["intervals"] != measure(rows, **(SETTINGS | {"seed": 14}))["intervals"]


def test_paired_macro_f1_difference() -> None:
    truth, names, probabilities = drawn(400, 3)
    better = outcomes(truth, names, probabilities)
    blurred = probabilities + np.random.default_rng(9).random(probabilities.shape).astype(np.float32)
    worse = outcomes(truth, names, blurred)
    difference, (low, high) = macro_f1_difference(better, worse, resamples=1000, seed=1)
    expected = f1_score(better.true, better.predicted, average="macro") - f1_score(worse.true, worse.predicted, average="macro")
    assert difference == pytest.approx(expected)
    assert low < difference < high
    assert macro_f1_difference(better, better, resamples=100, seed=1) == (0.0, [0.0, 0.0])


def test_wrong_shapes_and_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        outcomes(["a"], ["a", "b"], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="1 of 2 rows"):
        outcomes(["a", "b"], ["a", "b"], np.array([[0.5, 0.5], [np.nan, 0.5]]))


def certain(truth: Any, predicted: Any) -> Any:
    names = sorted(set(truth) | set(predicted))
    return outcomes(truth, names, 0.8 * np.eye(len(names), dtype=np.float32)[[names.index(name) for name in predicted]])


def test_rows_that_are_all_right_have_an_interval_with_a_width() -> None:
    result = measure(certain(list("aab") * 3, list("aab") * 3), **SETTINGS)
    assert result["interval_methods"] == {"accuracy": "wilson", "macro_f1": "wilson"}
    assert result["intervals"]["accuracy"] == [pytest.approx(9 / (9 + 1.96**2), abs=1e-4), 1.0]
    assert result["intervals"]["macro_f1"] == [pytest.approx(8 / (8 + 1.96**2), abs=1e-4), 1.0]
    assert result["per_class"]["a"]["f1_interval"] == [pytest.approx(6 / (6 + 1.96**2), abs=1e-4), 1.0]
    assert result["per_class"]["b"]["f1_interval"] == [pytest.approx(3 / (3 + 1.96**2), abs=1e-4), 1.0]


def test_rows_that_are_all_wrong_have_one_too() -> None:
    result = measure(certain(list("aabb"), list("bbaa")), **SETTINGS)
    assert result["intervals"]["accuracy"] == [0.0, pytest.approx(1.96**2 / (4 + 1.96**2), abs=1e-4)]
    assert result["intervals"]["macro_f1"][0] == 0.0
    assert result["intervals"]["macro_f1"][1] > 0.3


def test_a_few_wrong_rows_are_enough_for_wilson_and_five_for_the_bootstrap() -> None:
    truth = list("ab") * 50
    for wrong, method in ((1, "wilson"), (4, "wilson"), (5, "bootstrap"), (95, "bootstrap"), (96, "wilson")):
        predicted = ["c"] * wrong + truth[wrong:]
        result = measure(certain(truth, predicted), **SETTINGS)
        assert result["interval_methods"] == {"accuracy": method, "macro_f1": "bootstrap"}
        low, high = result["intervals"]["accuracy"]
        assert low < result["accuracy"] < high < 1
