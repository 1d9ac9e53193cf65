"""The measuring program: run as its user runs it, since it adopts its command's orphans."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[2]

MAPPED = """
import mmap, sys, time
with open(sys.argv[1], "wb") as file:
    file.truncate(200 << 20)
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    for at in range(0, len(mapped), 4096):
        mapped[at] = 1
    time.sleep(0.5)
"""
ALLOCATED = "import time; block = bytearray(b'1') * (200 << 20); time.sleep(2)"
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ALLOCATED!r}], check=True)"
LEAVES_ORPHAN = """
import subprocess, sys
BURNS = "import sys, time\\nwhile time.process_time() < 0.5: pass\\nopen(sys.argv[1], 'w').close()"
subprocess.Popen(
    [sys.executable, "-c", BURNS, sys.argv[1]],
    start_new_session=True,
)
"""


def measured(script: str, *args: Any) -> tuple[int, float, int, int]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", sys.executable, "-c", script, *map(str, args)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    found = re.fullmatch(
        r"exit (-?\d+), [\d.]+ s, ([\d.]+) CPU s, largest RssAnon (\d+) MB, of all processes (\d+) MB",
        done.stderr.splitlines()[-1],
    )
    assert found, done.stderr
    code, cpu_seconds, largest, together = found.groups()
    assert int(code) == done.returncode
    return int(code), float(cpu_seconds), int(largest), int(together)


def test_memory_of_a_child_counts() -> None:
    code, _, largest, together = measured(IN_A_CHILD)
    assert code == 0
    assert 200 <= largest < 260
    assert largest < together < 320


def test_mapped_memory_does_not_count(tmp_path: Path) -> None:
    assert measured(MAPPED, tmp_path / "mapped")[2] < 60


def test_exit_code_passes_on() -> None:
    assert measured("import sys; sys.exit(7)")[0] == 7


def test_what_outlives_the_command_is_waited_for(tmp_path: Path) -> None:
    _, cpu_seconds, _, _ = measured(LEAVES_ORPHAN, tmp_path / "ended")
    assert (tmp_path / "ended").exists()
    assert cpu_seconds >= 0.5  # however long that took
