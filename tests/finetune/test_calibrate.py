from __future__ import annotations

import numpy as np
import pytest

from tasks.finetune.calibrate import choose_weights, deviation, temperature
from tasks.finetune.measures import accuracy, log_loss, macro_f1
from tasks.model.scores import add, log_softmax


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the very probabilities they stand for."""
    generator = np.random.default_rng(0)
    logits_NC = generator.normal(0, 2, (20_000, 3))
    cumulated_NC = np.exp(log_softmax(logits_NC)).cumsum(1)
    return logits_NC, (generator.random((20_000, 1)) > cumulated_NC).sum(1)


@pytest.mark.parametrize("factor", [0.25, 1.0, 8.0])
def test_temperature_undoes_a_scaling(drawn: tuple[np.ndarray, np.ndarray], factor: float) -> None:
    logits_NC, labels_N = drawn
    found = temperature(factor * logits_NC, labels_N)
    assert found == pytest.approx(factor, rel=0.03)
    assert log_loss(factor * logits_NC / found, labels_N) <= log_loss(logits_NC, labels_N) + 1e-4


def test_a_few_rows_that_are_all_right_do_not_make_everything_certain() -> None:
    logits_NC, labels_N = np.eye(2)[[0, 1, 0, 1, 0]], np.array([0, 1, 0, 1, 0])
    probabilities_NC = np.exp(log_softmax(logits_NC / temperature(logits_NC, labels_N)))
    assert 0.75 < probabilities_NC.max() < 0.95


def test_weights_favour_the_view_that_knows_and_use_both_when_both_do(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    logits_NC, labels_N = drawn
    generator = np.random.default_rng(1)
    noise_NC = generator.normal(0, 2, logits_NC.shape)
    useless = {"a": logits_NC, "b": noise_NC}
    assert choose_weights(useless, {name: deviation(x) for name, x in useless.items()}, labels_N) == {"a": 1.0, "b": 0.1}
    halves = {"a": logits_NC + noise_NC, "b": logits_NC - noise_NC}
    deviations = {name: deviation(x) for name, x in halves.items()}
    weights = choose_weights(halves, deviations, labels_N)
    assert weights == {"a": 1.0, "b": 1.0}
    best = accuracy(add(halves, deviations, weights), labels_N)
    assert best > max(accuracy(x, labels_N) for x in halves.values()) + 0.05


def test_macro_f1_equals_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import f1_score

    logits_NC, labels_N = drawn
    for rows in (slice(0, 5000), slice(0, 7), slice(0, 2)):
        expected = f1_score(labels_N[rows], logits_NC[rows].argmax(1), average="macro")
        assert macro_f1(logits_NC[rows], labels_N[rows]) == pytest.approx(expected)


def test_views_that_never_differ_have_a_deviation() -> None:
    assert deviation(np.zeros((3, 2))) == 1.0
