"""The short version of the row about the servers."""

from pathlib import Path

from tests.faults.row_14_closed import CASES
from tests.faults.rows import failures


def test_servers_are_closed_by_default(tmp_path: Path) -> None:
    assert failures("row_14_closed", tmp_path, range(4 * len(CASES))) == []
