"""A short version of the row about load."""

from pathlib import Path

import pytest

from tests.faults import row_16_load
from tests.faults.rows import failures

pytestmark = pytest.mark.long


def test_nothing_is_lost_or_wrong_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_16_load, "DOCUMENTS", 10_000)
    monkeypatch.setattr(row_16_load, "SECONDS", 3.0)
    assert failures("row_16_load", tmp_path, range(row_16_load.COUNT)) == []
