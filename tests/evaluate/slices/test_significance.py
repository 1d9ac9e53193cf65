from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from tasks.evaluate.slices.significance import corrected_p, tail


@pytest.mark.parametrize(("rows", "wrong", "size"), [(10, 4, 3), (50, 49, 20), (40, 0, 7), (30, 30, 5), (1000, 80, 300)])
def test_the_tail_is_hypergeometric(rows: int, wrong: int, size: int) -> None:
    expected = hypergeom.sf(np.arange(size + 1) - 1, rows, wrong, size)
    np.testing.assert_allclose(tail(rows, wrong, size), expected, atol=1e-12)


def groupings(rows: int, generator: np.random.Generator) -> tuple[list[np.ndarray], int]:
    """Columns that overlap, as real ones do: the second is the first for most rows, the fourth leaves rows out."""
    first = generator.integers(0, 6, rows)
    second = np.where(generator.random(rows) < 0.8, first, generator.integers(0, 6, rows)) + 6
    third = generator.choice([12, 13], rows, p=[0.9, 0.1])
    return [first, second, third, np.where(generator.random(rows) < 0.7, -1, 14)], 15


@pytest.mark.long
def test_where_no_slice_is_weak_at_most_one_report_in_twenty_names_one() -> None:
    """1,000 permutations of right and wrong; with 199 draws the level of each is 5% exactly or less."""
    generator = np.random.default_rng(1)
    slices, number = groupings(400, generator)
    correct = np.arange(400) >= 60
    named = 0
    for seed in range(1000):
        permuted = generator.permutation(correct)
        named += bool((corrected_p(permuted, slices, number, draws=199, seed=seed)[1] < 0.05).any())
    assert named <= binom.ppf(0.975, 1000, 0.05)
    assert named >= 20  # and the correction gives away little of the five per cent


def test_without_the_correction_many_reports_would_name_one() -> None:
    generator = np.random.default_rng(1)
    slices, number = groupings(400, generator)
    correct = np.arange(400) >= 60
    named = sum(
        bool((corrected_p(generator.permutation(correct), slices, number, draws=0, seed=0)[0] < 0.05).any()) for _ in range(200)
    )
    assert named > 40


def test_a_weak_slice_is_found_among_many() -> None:
    generator = np.random.default_rng(2)
    slices, number = groupings(1000, generator)
    correct = generator.random(1000) < np.where(slices[0] == 3, 0.6, 0.9)
    p, corrected = corrected_p(correct, slices, number, draws=999, seed=0)
    assert p.argmin() == 3
    assert corrected[3] == 1 / 1000
    assert (corrected >= p).all()
    assert corrected_p(correct, slices, number, draws=999, seed=0)[1].tolist() == corrected.tolist()


@pytest.mark.parametrize("right", [0, 20])
def test_rows_that_are_all_alike_make_no_slice_weak(right: int) -> None:
    p, corrected = corrected_p(np.full(20, bool(right)), [np.arange(20) % 2], 2, draws=199, seed=0)
    assert p.tolist() == corrected.tolist() == [1.0, 1.0]
