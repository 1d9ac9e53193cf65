"""Run a command; say its exit code, wall seconds, and the largest anonymous memory (RssAnon) of any of its processes.

    python benchmarks/peak_memory.py textmill train --preset imdb --ingest.archive aclImdb_v1.tar.gz

Memory maps do not count. The process tree is sampled ten times a second, so a shorter peak may be missed. What the command
prints goes where it always goes; the measurement is the last line of stderr.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

SAMPLE_SECONDS = 0.1


def descendants(pid: int) -> list[int]:
    """A process and all that it started, as far as they are still its children."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [each for child in children.read_text().split() for each in descendants(int(child))]
        except OSError:  # it has just ended
            continue
    return found


def anonymous_mb(pid: int) -> float:
    """RssAnon of one process in MB (2**20 bytes); 0 if it has just ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def main() -> int:
    """Measure the command of the arguments and pass its exit code on."""
    start, peak = time.monotonic(), 0.0
    process = subprocess.Popen(sys.argv[1:])
    while process.poll() is None:
        peak = max([peak, *(anonymous_mb(pid) for pid in descendants(process.pid))])
        time.sleep(SAMPLE_SECONDS)
    seconds = time.monotonic() - start
    print(f"exit {process.returncode}, {seconds:.1f} s, largest RssAnon {peak:.0f} MB", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
