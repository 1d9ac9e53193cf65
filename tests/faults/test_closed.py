"""The short version of the row about the servers."""

import pytest

from tests.faults.row_14_closed import CASES
from tests.faults.rows import failures


@pytest.mark.timeout(600)  # on a machine that is shared
def test_servers_are_closed_by_default(tmp_path):
    assert failures("row_14_closed", tmp_path, range(4 * len(CASES))) == []
