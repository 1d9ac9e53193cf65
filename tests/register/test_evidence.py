import numpy as np
import pytest
from scipy import stats

from tasks.register.evidence import corrected_interval


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    differences = np.array([0.01, 0.03, -0.02, 0.04, 0.0, 0.02, 0.01, 0.05, -0.01, 0.02])
    found = corrected_interval(differences, 900, 100, 0.95)
    error = np.sqrt((1 / 10 + 100 / 900) * differences.var(ddof=1))
    assert found.mean == pytest.approx(differences.mean())
    assert found.error == pytest.approx(error)
    assert found.upper - found.mean == pytest.approx(stats.t.ppf(0.975, 9) * error)
    assert found.lower == pytest.approx(2 * found.mean - found.upper)


def test_more_splits_of_the_same_rows_do_not_make_it_as_narrow_as_one_likes() -> None:
    differences = np.random.default_rng(1).normal(0.0, 0.03, 10)
    ten, many = corrected_interval(differences, 900, 100, 0.95), corrected_interval(np.tile(differences, 100), 900, 100, 0.95)
    assert many.error > ten.error / 2
    assert many.error > np.sqrt(100 / 900) * differences.std()


def test_splits_that_all_agree_leave_no_doubt() -> None:
    assert corrected_interval(np.zeros(10), 900, 100, 0.95)[:] == (0.0, 0.0, 0.0, 0.0)
