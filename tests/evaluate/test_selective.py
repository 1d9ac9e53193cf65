import numpy as np
import pytest

from tasks.evaluate.selective import risk_coverage


def test_the_area_is_the_mean_error_of_the_surest() -> None:
    curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True]))
    assert curve["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert curve["excess"] == pytest.approx(curve["aurc"] - 1 / 16)
    assert [each["error"] for each in curve["points"]] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve["points"][-1]["answered"] == 1.0


def test_the_best_order_has_no_excess() -> None:
    curve = risk_coverage(np.linspace(1, 0, 100), np.arange(100) < 90)
    assert curve["excess"] == pytest.approx(0)


def test_rows_of_equal_confidence_have_no_order() -> None:
    confidence_N = np.full(10, 0.5)
    first, last = (risk_coverage(confidence_N, right) for right in (np.arange(10) > 4, np.arange(10) <= 4))
    assert first["aurc"] == last["aurc"] == pytest.approx(0.5)


def test_large_tests_keep_few_points() -> None:
    random = np.random.default_rng(1)
    curve = risk_coverage(random.random(30_000), random.random(30_000) < 0.9)
    assert len(curve["points"]) == 50
    assert curve["points"][-1]["error"] == pytest.approx(0.1, abs=0.01)
