"""A refresh that is killed and repeated leaves what one that was left alone does.

A model is trained and registered, and a stream of ninety days with a surge in the last week is refreshed once. A trial begins
with no monitor, kills the refresh at a named point or at a moment drawn by chance, and repeats it. Compared are the files of
documents byte by byte, the aggregates, the quarantine, the alerts with their ids and evidence, what the channel was told, and
the names of all files. The flow's functions run without Prefect's engine; `python -m benchmarks.kills` kills the whole command.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import sys
import time
from typing import TYPE_CHECKING

from prefect import Task

import flows.refresh
from tasks.checkout import CHECKOUT
from tasks.config import RefreshConfig
from tasks.dashboard.page import plotly
from tasks.documents.times import TimeReader
from tasks.today.traits import language_of
from tasks.tracking.home import tracking_home
from tests.faults.command import held_locks
from tests.faults.forks import KILLED, Child
from tests.faults.steps import BAG, configured, run, warm
from tests.faults.trained import make_corpus
from tests.monitored import A_DAY, DAYS, POINTS, left_by, write_stream
from tests.steps import alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 19
BY_CHANCE = 13  # of as many cases
PROMISE = (
    f"A refresh that is killed at any moment ({len(POINTS)} named points, and moments drawn by chance) and repeated leaves the "
    "same documents byte by byte, aggregates, quarantine and alerts with their ids as one that was left alone; each alert was "
    "sent, no document counts twice, no lock is held, nothing is left over"
)
TAKEN_OUT = "a refresh is no transaction of SQLite's: 22 of 38 trials fail, all that are killed within it"


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """The model, the stream, the refresh that is left alone, and the imports that children share."""
    make_corpus(folder / "news", 20)
    texts = {
        label: [path.read_text().strip() for path in sorted((folder / "news" / label).iterdir())]
        for label in ("negative", "positive")
    }
    write_stream(folder / "news.csv", texts)
    (folder / "watch.toml").write_text('[patterns]\n"every text" = "[a-z]+"\n')
    with warm():
        plotly()
        TimeReader("UTC", "DMY").read("Jul-18")
        language_of("Profit rose.")
        for name in ("tasks.register.load", "sklearn.linear_model", "scipy.stats"):
            importlib.import_module(name)
        for function, arguments in ((train, (folder / "root", folder / "news")), (refresh, (folder / "alone",))):
            with Child(function, *arguments) as child:
                if child.wait():
                    raise RuntimeError(child.said)
        whole = left_by(folder / "alone")
        if not (len(whole["alerts"]) >= 2 and whole["told"] and whole["scored"] == DAYS * A_DAY and not whole["waiting"]):
            raise RuntimeError(f"the stream is none to be warned of: {whole}")
        start = time.monotonic()
        with Child(refresh, folder / "again") as child:
            child.wait()
        (folder / "seconds").write_text(str(time.monotonic() - start))
        yield


def train(root: Path, corpus: Path) -> None:
    """Register the first version of a model that tells good news from bad."""
    run(configured(root, corpus, "--finetune.bag.epochs", "8", base=BAG))


def refresh(root: Path) -> None:
    """The flow's function and its tasks' without Prefect, on a data root of its own; the registry is that of `prepare`."""
    root.mkdir(exist_ok=True)
    channels = root / "channels.toml"
    channels.write_text('[desk]\nkind = "file"\npath = "alerts.jsonl"\n')
    channels.chmod(0o600)
    sys.stderr = io.StringIO()  # the display's
    for name, step in list(vars(flows.refresh).items()):
        if isinstance(step, Task):
            setattr(flows.refresh, name, alone(step))
    flows.refresh.show_in_prefect = lambda result: None
    sections = {
        "collect": {"source": str(root.parent / "news.csv"), "name": "desk", "text": "headline", "time": "when"},
        "score": {"model": "news@champion", "watch_list": root.parent / "watch.toml"},
        "notify": {"channels": channels},
        "runtime": {"data_root": root, "tracking_uri": tracking_home(None, root.parent / "root", CHECKOUT).uri},
    }
    alone(flows.refresh.refresh)(RefreshConfig.model_validate(sections))


def at(point: str, random: Random, folder: Path) -> str | None:
    """Kill at a named point."""
    with Child(refresh, folder, crash_at=point) as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    return again(folder)


def by_chance(random: Random, folder: Path) -> str | None:
    """Kill at some moment, unless the refresh is faster today."""
    seconds = float((folder.parent / "seconds").read_text())
    with Child(refresh, folder) as child:
        time.sleep(random.uniform(0.0, seconds))
        child.kill()
    return again(folder)


def again(folder: Path) -> str | None:
    """What is wrong with the repetition or with what is there afterwards."""
    with Child(refresh, folder) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
    whole, left = left_by(folder.parent / "alone"), left_by(folder)
    if other := [name for name in whole if left[name] != whole[name]]:
        return f"{other} are other than those of the refresh that was left alone"
    held = held_locks(folder)
    return f"held: {held}" if held else None


CASES = {
    **{point: functools.partial(at, point) for point in POINTS},
    **{f"by chance ({number})": by_chance for number in range(BY_CHANCE)},
}
COUNT = 8 * len(CASES)
