"""The simulation of surges, on few series."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def monitoring() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "monitoring.py"
    spec = importlib.util.spec_from_file_location("monitoring", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_large_surge_is_found_by_all_rules_that_know_the_series(monitoring: ModuleType) -> None:
    streams = monitoring.simulate(np.random.default_rng(1), 40, 1000, 3.0, 7)
    found = monitoring.detections(streams, 7)
    assert found["ours"][0] > 0.7
    assert found["z-score"][0] > 0.6
    assert 1 <= found["ours"][1] <= 4


def test_streams_without_a_surge_raise_few_alarms(monitoring: ModuleType) -> None:
    streams = monitoring.simulate(np.random.default_rng(2), 200, 100)
    assert monitoring.false_alarms(streams)["ours"] < 9


def test_a_surge_changes_only_its_days(monitoring: ModuleType) -> None:
    calm, surge = (monitoring.simulate(np.random.default_rng(3), 200, 100, factor, 7) for factor in (1.0, 3.0))
    first = monitoring.HISTORY + monitoring.START
    ratio = surge.negative.sum(axis=0) / calm.negative.sum(axis=0)
    assert ratio[first : first + 7].min() > 1.5
    assert np.delete(ratio, np.arange(first, first + 7)).max() < 1.3


def test_alarms_are_silent_after_one_another(monitoring: ModuleType) -> None:
    above = np.zeros((1, 60), bool)
    above[0, [5, 6, 10, 40]] = True
    assert np.flatnonzero(monitoring.alarms(above)[0]).tolist() == [5, 40]
    assert monitoring.alarms(above)[0, 25:].sum() == 1
