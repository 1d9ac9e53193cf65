"""A short version of the row about the model server."""

from pathlib import Path

import pytest

from tests.faults import row_21_serving
from tests.faults.rows import failures

pytestmark = pytest.mark.long


def test_no_request_fails_whatever_others_send_and_wherever_the_alias_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_21_serving, "MOVES", 20)
    monkeypatch.setattr(row_21_serving, "LATE_SECONDS", 60.0)  # a busy machine may take longer than the two of the row
    assert failures("row_21_serving", tmp_path, range(row_21_serving.COUNT)) == []
