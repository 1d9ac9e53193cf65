"""Short versions of the rows that fork, in a process of their own: pytest's has threads, and a forked child of it may hang."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.checkout import CHECKOUT
from tests.faults.row_23_bucket_faults import CASES
from tests.monitored import POINTS

pytestmark = pytest.mark.long

TRIALS = {  # of each row: two, or each named point or case once
    **dict.fromkeys(["1", "3", "4", "6", "11", "12", "18", "20", "22"], 2),
    "19": len(POINTS),
    "23": len(CASES),
    "24": 4,  # what hangs takes tens of seconds
    "26": 4,
}
# The seconds of rows 4, 23 and 24 are the campaign's: a machine that runs tests may stall for longer.
PATIENT = """
import sys
from tests.faults import row_04_dead_owner, row_23_bucket_faults, row_24_bucket_gone
from tests.faults import __main__ as campaign
row_04_dead_owner.GOES_ON_SECONDS = row_23_bucket_faults.GOES_ON_SECONDS = campaign.LIMITS_TIMES = 60.0
row_24_bucket_gone.WITHIN_SECONDS = 3600.0
sys.exit(campaign.main())
"""


@pytest.mark.parametrize("count", sorted(set(TRIALS.values())))
def test_rows_that_fork_keep_their_promises(tmp_path: Path, count: int) -> None:
    rows = [row for row in TRIALS if TRIALS[row] == count]
    results = tmp_path / "found.json"
    command = [sys.executable, "-c", PATIENT, "--row", *rows, "--count", str(count), "--results", str(results)]
    foreign = ("PREFECT_", "MLFLOW_", "TEXTMILL_")  # of a server that other tests of this process use
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment |= {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            _, said = process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it has forked, should it hang
    found = json.loads(results.read_bytes()) if results.exists() else []
    assert [line for outcome in found for line in outcome["wrong"]] == [], said.decode()
    assert {str(outcome["number"]): outcome["tried"] for outcome in found} == dict.fromkeys(rows, count), said.decode()
    assert process.returncode == 0
