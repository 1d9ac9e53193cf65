"""A short version of the gate's simulation: what docs/GATE.md promises, on fewer nights."""

import numpy as np
import pytest

from benchmarks.gate import MARGIN, World, draw_folds, draw_night, draw_rows, paired_table
from tasks.register.evidence import Folds, corrected_interval
from tasks.register.gate import SHARED_LEVEL, Rival, Rule, decide


def promoted(world: World, lead: float, correlation: float, evidence: str, nights: int) -> int:
    random = np.random.default_rng(7)
    return sum(draw_night(random, world, lead, correlation, evidence) for _ in range(nights))  # type: ignore[arg-type]


def test_a_paired_table_has_the_accuracies_and_the_correlation_that_it_is_drawn_from() -> None:
    ours, theirs = draw_rows(np.random.default_rng(1), paired_table(0.75, 0.77, 0.8), 200_000)
    assert ours.mean() == pytest.approx(0.77, abs=0.005)
    assert theirs.mean() == pytest.approx(0.75, abs=0.005)
    assert np.corrcoef(ours, theirs)[0, 1] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("world", [World(200, 0.006, 0.021), World(1_000, 0.004, 0.01)], ids=["200 rows", "1000 rows"])
@pytest.mark.parametrize("correlation", [0.9, 0.6])
def test_a_model_that_is_worse_by_the_margin_is_hardly_ever_promoted(world: World, correlation: float) -> None:
    # At 2.5% a night, 150 nights promote 11 or more in one of a thousand simulations.
    assert promoted(world, -MARGIN, correlation, "auto", 150) <= 10


def test_folds_promote_better_models_that_the_test_rows_alone_refuse() -> None:
    world = World(1_000, 0.004, 0.01)
    alone, both = (promoted(world, 0.02, 0.9, evidence, 60) for evidence in ("test", "auto"))
    assert both > alone + 10


@pytest.mark.parametrize("rows", [60, 200, 500])
def test_one_that_loses_a_row_in_a_hundred_and_wins_none_is_seldom_promoted(rows: int) -> None:
    random, world = np.random.default_rng(7), World(rows, 0.0, 0.0)
    promotions = 0
    for _ in range(100):
        loses = random.random(rows) < 0.01
        test, fold = loses[: world.test_rows], loses[world.test_rows :]
        differences = np.array([-part.mean() for part in np.array_split(fold.astype(float), 10)])
        folds = Folds(differences, np.zeros(10), world.fold_rows * 0.9, world.fold_rows * 0.1, world.fold_rows)
        rival = Rival("champion", ("a", "b"), np.ones(len(test), bool), np.zeros(len(test), bool), folds)
        promotions += (
            decide(~test, rival.labels, rival, None, Rule("not_worse", 0.01, "auto"), promote="").verdict == "promoted"
        )
    assert promotions <= 8  # 2.5% of 100; one time in two thousand it is more than 8


def test_a_large_test_needs_no_folds() -> None:
    world = World(25_000, 0.001, 0.003)
    assert promoted(world, 0.01, 0.9, "auto", 20) == promoted(world, 0.01, 0.9, "test", 20)
    assert isinstance(draw_folds(np.random.default_rng(1), world, 0.0, 0.9), str)


def test_the_corrected_interval_holds_the_truth_as_often_as_it_says() -> None:
    random, world = np.random.default_rng(5), World(1_000, 0.004, 0.01)
    missed = 0
    for _ in range(400):
        found = draw_folds(random, world, 0.0, 0.8)
        assert isinstance(found, Folds)
        lower = corrected_interval(found.accuracy, found.train_rows, found.test_rows, SHARED_LEVEL).lower
        missed += lower > 0
    assert missed <= 15  # 1.5% of 400 are 6; one simulation in a thousand has more than 15


def test_without_the_correction_it_would_not() -> None:
    random, world = np.random.default_rng(5), World(1_000, 0.004, 0.01)
    missed = 0
    for _ in range(400):
        found = draw_folds(random, world, 0.0, 0.8)
        assert isinstance(found, Folds)
        naive = found.accuracy.std(ddof=1) / len(found.accuracy) ** 0.5
        missed += found.accuracy.mean() - 2.1 * naive > 0
    assert missed > 30
