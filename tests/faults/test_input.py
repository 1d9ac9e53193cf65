"""Short versions of the rows about what comes in."""

from pathlib import Path

import pytest

from tests.faults.row_08_archives import ARCHIVES, HEAVY
from tests.faults.row_09_records import CASES
from tests.faults.rows import failures


@pytest.mark.long
def test_hostile_archives_write_nothing_outside_and_are_bounded(tmp_path: Path) -> None:
    assert failures("row_08_archives", tmp_path, range(len(ARCHIVES) - HEAVY)) == []


def test_no_record_disappears(tmp_path: Path) -> None:
    assert failures("row_09_records", tmp_path, range(0, len(CASES), 11)) == []


@pytest.mark.long
def test_fasttext_input_cannot_be_injected(tmp_path: Path) -> None:
    assert failures("row_10_injection", tmp_path, range(30)) == []
