import os
import signal
import subprocess
import sys

import pytest

from tasks.crash import VARIABLE, crash_point

REACHES = (
    "from tasks.crash import crash_point\nfor name in ('a', 'b', 'a', 'a'):\n    crash_point(name)\n    print(name, flush=True)"
)


@pytest.mark.parametrize(
    ("crash_at", "printed"),
    [("a", ""), ("a:2", "ab"), ("a:3", "aba"), ("b:1", "a"), ("a:4", "abaa"), ("c", "abaa"), ("", "abaa")],
)
def test_a_process_dies_where_the_variable_says_and_nowhere_else(crash_at: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REACHES], env=os.environ | {VARIABLE: crash_at}, capture_output=True, text=True, check=False
    )
    assert "".join(done.stdout.split()) == printed, done.stderr
    assert done.returncode == (0 if len(printed) == 4 else -signal.SIGKILL)


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    crash_point("a")
