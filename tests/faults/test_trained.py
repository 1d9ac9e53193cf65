"""Short versions of the rows that work on a trained pipeline: they share one."""

from pathlib import Path

import pytest

from tests.faults.row_07_code import CASES
from tests.faults.rows import failures

pytestmark = pytest.mark.long


def test_every_read_of_the_store_is_verified(tmp_path: Path) -> None:
    assert failures("row_02_store", tmp_path, range(28)) == []


def test_loading_runs_no_pickle_and_no_foreign_code(tmp_path: Path) -> None:
    names = list(CASES)
    chosen = [names.index(name) for name in ("textmill predict", "the hook sees pickle.find_class", "the hook sees exec")]
    assert failures("row_07_code", tmp_path, [*range(24), *chosen]) == []
