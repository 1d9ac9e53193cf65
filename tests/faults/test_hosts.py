"""Short version of the row about a host that dies; without its limit of seconds."""

from pathlib import Path

import pytest

from tests.faults import row_29_host_dies
from tests.faults.rows import failures
from tests.postgresql import INITDB

pytestmark = [pytest.mark.long, pytest.mark.skipif(INITDB is None, reason="PostgreSQL is not installed")]


def test_the_run_of_a_host_that_died_is_marked_and_another_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_29_host_dies, "MARKED_SECONDS", 36_000.0)
    assert failures("row_29_host_dies", tmp_path, range(1)) == []
