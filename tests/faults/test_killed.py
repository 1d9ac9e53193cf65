"""Short versions of the rows about kills, waiting and promotion."""

import pytest

from tests.faults import row_04_dead_owner
from tests.faults.row_01_kills import CASES, POINTS
from tests.faults.row_04_dead_owner import LOCKS
from tests.faults.row_11_promotion import CASES as PROMOTIONS
from tests.faults.rows import failures

pytestmark = pytest.mark.timeout(600)  # on a machine that is shared


def test_a_kill_loses_no_finished_work_and_yields_no_wrong_artifact(tmp_path):
    chosen = ["ingest.renamed", "evaluate.renamed", "finetune.epoch.3", "checkpoint.written:4", "register.champion_set"]
    assert failures("row_01_kills", tmp_path, [*map(list(POINTS).index, chosen), len(CASES) - 1]) == []


def test_a_dead_owner_never_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(row_04_dead_owner, "LIMIT_SECONDS", 60.0)  # a shared machine stalls; a lock that is held never ends
    assert failures("row_04_dead_owner", tmp_path, range(2 * len(LOCKS))) == []


def test_promotions_are_recorded_one_by_one(tmp_path):
    chosen = ["killed: register.added", "killed: register.champion_set", "at once (0)"]
    assert failures("row_11_promotion", tmp_path, map(list(PROMOTIONS).index, chosen)) == []


def test_no_alert_is_lost(tmp_path):
    assert failures("row_12_alerts", tmp_path, range(12)) == []


def test_concurrent_runs_share_work(tmp_path):
    assert failures("row_03_shared", tmp_path, range(3)) == []


def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    full, forbidden = [0, 2, 3, 4, 5, 44, 45, 132], range(7, 21)  # the later ones once lost a line, or left half a password
    assert failures("row_06_no_space", tmp_path, [*full, *forbidden]) == []
