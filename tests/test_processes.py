"""How long a process that is starting is waited for: as long as it works, however slow the machine is."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tasks import processes
from tasks.processes import MOST_TIMES, Patience, processor_time, start_time
from tests.patience import until

if TYPE_CHECKING:
    import pytest


def waited(monkeypatch: pytest.MonkeyPatch, used: list[int]) -> int:
    """Seconds after which a process is given up that has used this much processor time, second by second; 60 are allowed."""
    clock = iter(range(100_000))
    now = SimpleNamespace(second=next(clock))
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: now.second))
    patience = Patience(1, 60.0, used=lambda pid: used[min(now.second, len(used) - 1)])
    while not patience.is_over():
        now.second = next(clock)
    return now.second


def test_a_process_that_works_is_waited_for_and_one_that_rests_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, [5]) == 61
    assert waited(monkeypatch, [second // 50 for second in range(400)]) == 350 + 61  # slow, and then no more
    assert waited(monkeypatch, list(range(100_000))) == 60 * MOST_TIMES + 1  # works, and comes to no end


def test_processor_time_is_read_from_the_kernel() -> None:
    burns = "import time\nwhile time.process_time() < 1.5: pass\nprint(flush=True)\nimport sys\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", burns], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        assert 12 <= processor_time(process.pid) < 100  # tenths of a second, as the kernel samples them
        process.stdin.close()
        until(lambda: start_time(process.pid) is None, "its end")
    assert processor_time(process.pid) == 0
