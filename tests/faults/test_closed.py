"""The short version of the row about the servers."""

from pathlib import Path

import pytest

from tests.faults.row_14_closed import CASES
from tests.faults.rows import failures

pytestmark = pytest.mark.long


def test_servers_are_closed_by_default(tmp_path: Path) -> None:
    assert failures("row_14_closed", tmp_path, range(4 * len(CASES))) == []
