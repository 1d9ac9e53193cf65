import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluate.compare import Z_95, compare, mid_p, score_interval


def correct(only_a: int, only_b: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
    b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
    return np.array(a, dtype=bool), np.array(b, dtype=bool)


@pytest.mark.parametrize(
    ("only_a", "only_b", "expected"),
    [
        (1, 7, 2 * (1 + 8) / 2**8 - 8 / 2**8),  # the worked example of Fagerland et al. (2013): 0.039
        (7, 1, 2 * (1 + 8) / 2**8 - 8 / 2**8),
        (0, 3, 2 / 8 - 1 / 8),
        (0, 0, 1.0),
        (5, 5, 1.0),
    ],
)
def test_mid_p_by_hand(only_a: int, only_b: int, expected: float) -> None:
    assert mid_p(only_a, only_b) == pytest.approx(expected)


def test_mid_p_of_many_discordant_rows_is_the_normal_one() -> None:
    chi = (600 - 500) / math.sqrt(1100)
    assert mid_p(600, 500) == pytest.approx(math.erfc(chi / math.sqrt(2)), rel=0.01)


def test_score_interval_of_a_published_example() -> None:
    # Bentur et al. (2009), airway responsiveness of 21 children; interval in Fagerland, Lydersen & Laake (2014)
    assert score_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_without_discordant_rows_the_interval_still_has_width() -> None:
    lower, upper = score_interval(0, 0, 20)
    assert upper == pytest.approx(Z_95**2 / (20 + Z_95**2))  # the equation of the score solved for no discordant rows
    assert lower == pytest.approx(-upper)


def test_bounds_are_where_the_likelihood_says() -> None:
    """At each bound the statistic is z with the nuisance parameter found by brute force instead of the closed form."""
    only_a, only_b, num_rows = 9, 4, 44
    for bound in score_interval(only_a, only_b, num_rows):
        share_b = np.linspace(max(0.0, -bound) + 1e-7, (1 - bound) / 2 - 1e-7, 200_001)
        likelihood = only_a * np.log(share_b + bound) + only_b * np.log(share_b)
        likelihood += (num_rows - only_a - only_b) * np.log(1 - 2 * share_b - bound)
        best = share_b[likelihood.argmax()]
        score = (only_a - only_b - num_rows * bound) / math.sqrt(num_rows * (2 * best + bound * (1 - bound)))
        assert abs(score) == pytest.approx(Z_95, rel=1e-3)


def test_compare_counts_and_points_from_b_to_a() -> None:
    result = compare(*correct(only_a=6, only_b=2, both=80, neither=12))
    assert (result.only_a, result.only_b, result.difference) == (6, 2, 0.04)
    assert result.lower_95 < 0.04 < result.upper_95
    assert result.mid_p == pytest.approx(2 * (1 + 8 + 28) / 2**8 - 28 / 2**8)


@given(only_a=st.integers(0, 40), only_b=st.integers(0, 40), concordant=st.integers(1, 500))
def test_swapping_turns_the_interval_round_and_it_holds_the_difference(only_a: Any, only_b: Any, concordant: Any) -> None:
    num_rows = only_a + only_b + concordant
    lower, upper = score_interval(only_a, only_b, num_rows)
    assert -1 <= lower <= (only_a - only_b) / num_rows <= upper <= 1
    assert score_interval(only_b, only_a, num_rows) == pytest.approx((-upper, -lower), abs=1e-9)
    assert 0 < mid_p(only_a, only_b) <= 1


def test_the_interval_keeps_its_level_on_small_samples() -> None:
    generator = np.random.default_rng(1)
    draws = generator.multinomial(60, [0.08, 0.03, 0.89], size=2000)
    bounds = {(int(a), int(b)): score_interval(int(a), int(b), 60) for a, b, _ in draws}
    covered = np.mean([bounds[int(a), int(b)][0] <= 0.05 <= bounds[int(a), int(b)][1] for a, b, _ in draws])
    assert 0.93 <= covered <= 0.97


def test_no_rows_and_unequal_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot pair"):
        compare(np.array([], dtype=bool), np.array([], dtype=bool))
    with pytest.raises(ValueError, match="cannot pair"):
        compare(np.array([True]), np.array([True, False]))
