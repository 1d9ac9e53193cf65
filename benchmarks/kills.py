"""Kill `textmill refresh` with SIGKILL, at every named point of its course and at moments drawn by chance; repeat and compare.

    python -m benchmarks.kills [--random 10] [--seed 1]

A model is trained on the embedded sample, a stream of its texts with a surge in the last week is written, and one refresh is
left alone. Each trial begins with no monitor: the command is killed, then repeated to its end. What is there afterwards must be
what the refresh that was left alone has made, byte by byte: files of documents, aggregates, quarantine, alerts with their ids
and evidence; every alert was sent, nothing waits, no file is left over. Times at which things happened are not compared. Exit
code 1 if a trial is not like that, or a point was not reached.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tasks.checkout import CHECKOUT
from tasks.crash import VARIABLE
from tests.monitored import POINTS, left_by, told, write_stream

KNOBS = ["--finetune.model", "bag", "--finetune.threads", "1", "--pretrain.enabled", "false", "--evaluate.yardstick", "false"]


class Trial(NamedTuple):
    """One kill and its repetition; `wrong` names what is not as it should be, `twice` counts messages that were sent again."""

    where: str
    code: int
    wrong: list[str]
    twice: int


class Campaign:
    """A data root with a model and a stream, and the command that is killed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        sample = CHECKOUT / "data" / "sample"
        data = ["--runtime.data-root", str(root)]
        run(["train", "--name", "news", "--ingest.path", str(sample), *KNOBS, *data])
        texts = {name: [path.read_text() for path in sorted((sample / name).iterdir())] for name in ("negative", "positive")}
        write_stream(root / "news.csv", texts)
        (root / "channels.toml").write_text('[desk]\nkind = "file"\npath = "alerts.jsonl"\n')
        (root / "channels.toml").chmod(0o600)
        (root / "watch.toml").write_text('[patterns]\n"every text" = "[a-z]+"\n')
        source = ["--collect.source", str(root / "news.csv"), "--collect.name", "desk"]
        columns = ["--collect.text", "headline", "--collect.time", "when", "--score.watch-list", str(root / "watch.toml")]
        self.arguments = ["refresh", *source, *columns, "--notify.channels", str(root / "channels.toml"), *data]
        started = time.monotonic()
        run(self.arguments)
        self.seconds = time.monotonic() - started
        self.whole = left_by(root)
        assert len(self.whole["alerts"]) >= 2
        assert told(root) == Counter(identity for identity, *_ in self.whole["alerts"])

    def at(self, point: str) -> Trial:
        """Kill at a named point."""
        return self._repeated(point, run(self.arguments, crash_at=point), {-signal.SIGKILL})

    def after(self, seconds: float) -> Trial:
        """Kill after a time, unless the command has ended by then."""
        return self._repeated(f"after {seconds:.2f} s", run(self.arguments, limit_seconds=seconds), {-signal.SIGKILL, 0})

    def forget(self) -> None:
        """Take the monitor and what its channel was told away."""
        shutil.rmtree(self.root / "monitor", ignore_errors=True)
        (self.root / "alerts.jsonl").unlink(missing_ok=True)

    def _repeated(self, where: str, code: int, expected: set[int]) -> Trial:
        again = run(self.arguments)
        left = left_by(self.root)
        wrong = [name for name, value in self.whole.items() if left[name] != value]
        wrong += [f"exit code {code}"] * (code not in expected) + [f"the repetition's exit code {again}"] * (again != 0)
        return Trial(where, code, wrong, sum(told(self.root).values()) - len(told(self.root)))


def run(arguments: list[str], *, crash_at: str = "none", limit_seconds: float | None = None) -> int:
    """Run textmill to its end, or kill it after a time; its exit code. What fails by itself says so on stderr."""
    command = [sys.executable, "-m", "flows.commands", *arguments]
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=os.environ | {VARIABLE: crash_at},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            _, said = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
    if process.returncode > 0:
        print(said, file=sys.stderr)
    return process.returncode


def main() -> int:
    """Kill as often as the arguments say and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=10, help="kills at moments drawn by chance")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    source = random.Random(arguments.seed)
    from flows.servers.server import Server

    with tempfile.TemporaryDirectory(prefix="textmill-kills-") as folder, contextlib.ExitStack() as stack:
        stack.enter_context(Server(Path(folder)))  # one for all runs: its start would be most of the time
        campaign = Campaign(Path(folder))
        moments = [source.uniform(0.0, campaign.seconds) for _ in range(arguments.random)]
        trials = []
        every = [functools.partial(campaign.at, point) for point in POINTS]
        for kill in [*every, *(functools.partial(campaign.after, moment) for moment in moments)]:
            campaign.forget()
            trials.append(kill())
            print(f"{trials[-1].where}: {', '.join(trials[-1].wrong) or 'the same'}", file=sys.stderr)
    bad = sum(bool(trial.wrong) for trial in trials)
    kills = sum(trial.code == -signal.SIGKILL for trial in trials)
    twice = sum(trial.twice for trial in trials)
    print(
        f"{kills} kills, {len(trials) - bad} of {len(trials)} trials ended the same; {twice} messages were sent a second time"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
