"""Short versions of the rows about what is shown and what is kept."""

from pathlib import Path

import pytest

from tests.faults.row_13_inert import CASES, CHROMIUM
from tests.faults.row_15_secrets import COUNT
from tests.faults.rows import failures
from tests.postgresql import INITDB

pytestmark = pytest.mark.long


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: apt-get install chromium)")
def test_reports_exports_and_logs_are_inert(tmp_path: Path) -> None:
    assert failures("row_13_inert", tmp_path, range(0, len(CASES), 7)) == []


@pytest.mark.skipif(INITDB is None, reason="PostgreSQL is not installed (Debian: apt-get install postgresql)")
def test_no_secret_is_stored(tmp_path: Path) -> None:
    assert failures("row_15_secrets", tmp_path, range(COUNT)) == []
