"""What is expected without labels: the true accuracy where probabilities mean what they say, also where shares have moved."""

import numpy as np
import pytest

from tasks.today.expected import Figures, Promised, estimate, expected_figures

LABELS = ["negative", "neutral", "positive"]
SHARES = np.array([0.2, 0.5, 0.3])


def rows(shares: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True labels, and probabilities that are calibrated under SHARES: two of three normal clues tell a label."""
    source = np.random.default_rng(seed)
    true_N = source.choice(3, number, p=shares)
    clues_NC = source.normal(0, 1, (number, 3)) + 1.5 * np.eye(3)[true_N]
    odds_NC = np.exp(1.5 * clues_NC) * SHARES
    return true_N, odds_NC / odds_NC.sum(1, keepdims=True)


def promised(off: float = 0.0) -> Promised:
    true_N, probabilities_NC = rows(SHARES, 4_000, 1)
    expected = expected_figures(probabilities_NC, probabilities_NC.argmax(1))
    right = float((probabilities_NC.argmax(1) == true_N).mean())
    measured = Figures(right, expected.macro_f1)
    return Promised(
        4_000, measured, Figures(expected.accuracy + off, expected.macro_f1), dict(zip(LABELS, SHARES, strict=True))
    )


@pytest.mark.parametrize("shares", [SHARES, np.array([0.6, 0.1, 0.3]), np.array([0.1, 0.2, 0.7])])
def test_the_accuracy_is_expected_whatever_the_shares_of_the_classes(shares: np.ndarray) -> None:
    true_N, probabilities_NC = rows(shares, 3_000, 2)
    found = estimate(probabilities_NC, np.arange(3_000) % 28, LABELS, promised(), same_writing=True)
    right = float((probabilities_NC.argmax(1) == true_N).mean())
    assert abs(found.figures.accuracy - right) < 0.02
    assert found.accuracy_interval[0] < right < found.accuracy_interval[1]
    assert found.adjusted == (shares is not SHARES)
    assert np.allclose(list(found.shares.values()), shares, atol=0.04)


def test_macro_f1_is_that_of_the_expected_confusion() -> None:
    from sklearn.metrics import f1_score

    true_N, probabilities_NC = rows(SHARES, 20_000, 3)
    found = expected_figures(probabilities_NC, probabilities_NC.argmax(1))
    assert found.macro_f1 == pytest.approx(f1_score(true_N, probabilities_NC.argmax(1), average="macro"), abs=0.01)


def test_other_writing_is_not_taken_for_other_shares() -> None:
    _, probabilities_NC = rows(np.array([0.6, 0.1, 0.3]), 2_000, 4)
    found = estimate(probabilities_NC, np.arange(2_000) % 28, LABELS, promised(), same_writing=False)
    assert not found.adjusted


def test_probabilities_that_were_too_sure_on_the_test_rows_are_taken_so_much_lower() -> None:
    _, probabilities_NC = rows(SHARES, 2_000, 5)
    days = np.zeros(2_000, np.int64)  # a single day too
    plain, sure = (estimate(probabilities_NC, days, LABELS, promised(off), same_writing=True) for off in (0.0, 0.05))
    assert plain.figures.accuracy - sure.figures.accuracy == pytest.approx(0.05)
