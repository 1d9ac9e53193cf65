"""Short versions of the rows about Dask clusters."""

from pathlib import Path

import pytest

from tests.faults import row_25_workers, row_27_strangers, row_28_scheduler
from tests.faults.rows import failures

pytestmark = pytest.mark.long


def test_workers_that_die_or_hang_change_no_byte(tmp_path: Path) -> None:
    short = ("killed", "comes", "stopped")  # not those of a case that come again
    cases = [number for number, name in enumerate(row_25_workers.CASES) if name.endswith(short)]
    assert failures("row_25_workers", tmp_path, cases) == []


def test_a_cluster_that_goes_away_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_28_scheduler, "WITHIN_SECONDS", 3600.0)
    quick = [number for number, name in enumerate(row_28_scheduler.CASES) if name.endswith(("killed", "there", "silent"))]
    assert failures("row_28_scheduler", tmp_path, quick) == []


def test_strangers_make_no_byte(tmp_path: Path) -> None:
    assert failures("row_27_strangers", tmp_path, range(len(row_27_strangers.CASES))) == []
