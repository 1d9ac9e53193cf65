"""Try to break every promise of docs/RELIABILITY.md; write docs/reliability.json and the page's table.

    python -m tests.faults [--row N ...] [--count N] [--server seaweedfs] [--resume] [--render] [--results FILE]

`--server` has the rows about buckets use another server of S3 than moto's. `--resume` goes on where an interrupted campaign
stopped; `--count` makes fewer or more trials than the row's own number.
Exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import row_22_bucket
from tests.faults.results import FILE, PAGE, Outcome, read, render, table, write
from tests.faults.rows import load_rows
from tests.s3 import SEAWEEDFS

if TYPE_CHECKING:
    from tests.faults.results import Key
    from tests.faults.rows import Row

LIMITS_TIMES = 1.0  # as much longer may a trial take; more where other programs want the machine too
SAVE_SECONDS = 10.0


def main() -> int:
    """Run what the arguments ask for; 1 if a promise was broken."""
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, _hangs)
    rows, outcomes = load_rows(), read(arguments.results)
    if arguments.server and not (arguments.row and set(arguments.row) <= set(row_22_bucket.ROWS)):
        print(f"--server is for rows {', '.join(map(str, row_22_bucket.ROWS))}; name them by --row", file=sys.stderr)  # noqa: T201
        return 2
    if unknown := set(arguments.row) - {row.number for row in rows}:
        print(f"no row {min(unknown)}; there are {', '.join(str(row.number) for row in rows)}", file=sys.stderr)  # noqa: T201
        return 2
    broken = False
    if not arguments.render:
        if arguments.server:
            row_22_bucket.KIND[:] = [arguments.server]
        for row in rows:
            if not arguments.row or row.number in arguments.row:
                outcome = _start(row, outcomes, arguments)
                run(row, outcome, lambda: write(arguments.results, outcomes))
                broken |= bool(outcome.wrong)
    if arguments.results == FILE:
        PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), table(rows, outcomes)), encoding="utf-8")
    return int(broken)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--row", type=int, nargs="+", default=[], metavar="N", help="only these rows")
    parser.add_argument("--count", type=int, help="trials to make instead of the row's own number")
    parser.add_argument("--results", type=Path, default=FILE, help="JSON file to read and write")
    parser.add_argument("--server", choices=[SEAWEEDFS], default="", help="server of S3 for rows about buckets; else moto's")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on where an interrupted campaign stopped")
    choice.add_argument("--render", action="store_true", help="only write the page from the JSON")
    return parser.parse_args()


def _start(row: Row, outcomes: dict[Key, Outcome], arguments: argparse.Namespace) -> Outcome:
    fresh = Outcome(row.number, arguments.count or row.count, server=arguments.server)
    old = outcomes.get(fresh.key)
    # Trials of another commit say nothing of this one.
    if not (arguments.resume and old and (old.count, old.commit) == (fresh.count, fresh.commit)):
        outcomes[fresh.key] = fresh
    return outcomes[fresh.key]


def run(row: Row, outcome: Outcome, save: object) -> None:
    """Make the trials of a row that are still to be made; what is left after a kill is the trial that was under way."""
    assert callable(save)
    before, start, saved = outcome.seconds, time.monotonic(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"textmill-faults-{row.number}-") as folder, row.prepare(Path(folder)):
        for trial in range(outcome.tried, outcome.count):
            signal.alarm(int(row.limit_seconds * LIMITS_TIMES))
            wrong = row.run(trial, Path(folder))
            signal.alarm(0)
            outcome.figures += row.figures
            row.figures.clear()
            if wrong:
                outcome.wrong.append(f"row {row.number}, trial {row.name(trial)}: {' '.join(wrong.split())[:300]}")
            outcome.tried, outcome.seconds = trial + 1, round(before + time.monotonic() - start, 1)
            if wrong or time.monotonic() - saved > SAVE_SECONDS or outcome.tried == outcome.count:
                save()
                saved = time.monotonic()
                print(f"row {row.number}: {outcome.tried:,} of {outcome.count:,}, {len(outcome.wrong)} wrong", file=sys.stderr)  # noqa: T201


def _hangs(signum: int, frame: object) -> None:
    raise TimeoutError("the trial ran longer than it may")


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
