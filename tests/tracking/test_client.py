"""Opening a store of MLflow."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.checkout import CHECKOUT
from tasks.tracking.client import open_client
from tasks.tracking.home import tracking_home

# MLflow makes a database by some fifty steps, each of which SQLite keeps at once.
KILLED_AT_A_STEP = """
import os, signal, sys
from pathlib import Path
from alembic.runtime.migration import HeadMaintainer
from tasks.tracking.client import make_database

update, left = HeadMaintainer.update_to_step, [int(sys.argv[2])]

def counted(self, step):
    update(self, step)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

HeadMaintainer.update_to_step = counted
make_database(Path(sys.argv[1]), Path(sys.argv[1] + ".no-template"))
"""


@pytest.mark.long
@pytest.mark.parametrize("step", [1, 30])
def test_a_kill_while_the_database_is_made_leaves_none(step: int, tmp_path: Path) -> None:
    home = tracking_home(None, tmp_path, tmp_path)
    home.folder.mkdir()
    command = [sys.executable, "-c", KILLED_AT_A_STEP, str(home.database), str(step)]
    assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == -signal.SIGKILL
    assert not home.database.exists()
    assert [each.name for each in open_client(home).search_experiments()] == ["Default"]
    assert home.database.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in home.folder.iterdir()) == ["mlflow.db", "mlflow.lock"]
