"""A refresh that is killed and repeated leaves what one that was left alone does.

A model is trained and registered, and a stream of ninety days with a surge in the last week is refreshed once. A trial begins
with no monitor, kills the refresh at a named point or at a moment drawn by chance, and repeats it. Compared are the files of
documents byte by byte, the aggregates, the quarantine, the alerts with their ids and evidence, what the channel was told, and
the names of all files. Half of the trials follow a list of companies too, in texts that name one or two of them. The flow's
functions run without Prefect's engine; `python -m benchmarks.kills` kills the whole command.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from prefect import Task

import flows.refresh
from tasks.checkout import CHECKOUT
from tasks.config import RefreshConfig
from tasks.dashboard.page import plotly
from tasks.documents.times import TimeReader
from tasks.monitor.state import MonitorState
from tasks.today.traits import language_of
from tasks.tracking.home import tracking_home
from tests.faults.command import held_locks
from tests.faults.forks import KILLED, Child
from tests.faults.steps import BAG, configured, run, warm
from tests.faults.trained import make_corpus
from tests.monitored import A_DAY, DAYS, POINTS, left_by, write_stream
from tests.steps import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

NUMBER = 19
BY_CHANCE = 13  # of as many cases
PROMISE = (
    f"A refresh that is killed at any moment ({len(POINTS)} named points, and moments drawn by chance) and repeated leaves the "
    "same documents byte by byte, aggregates, quarantine and alerts with their ids as one that was left alone; each alert was "
    "sent, no document counts twice, no lock is held, nothing is left over; with a list of companies too, and the sentiment "
    "towards each"
)
FORMS = ("alone", "alone-companies")  # of the refresh that is left alone: without a list of companies, and with one
COMPANIES = """name,aliases,codes
Norrelva,Utility Norrelva,NORV
Aerolisse,Airline Aerolisse,LON:AER
Dentalis,!Dentalis,
Several of them,Hellas Nickel;Barlow Finch;Dunleavy;Mariefred Kapital;Gnocchi Reale;Koopmans Tin;Hoivakoti,
Nowhere,Nowhere & Sons,600000.SH;NOW
Next,Next plc;?Next,NXT
"""
TAKEN_OUT = "a refresh is no transaction of SQLite's: 22 of 38 trials fail, all that are killed within it"


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """The model, the stream, the refresh that is left alone, and the imports that children share."""
    make_corpus(folder / "news", 20)
    texts = {
        label: [path.read_text().strip() for path in sorted((folder / "news" / label).iterdir())]
        for label in ("negative", "positive")
    }
    of_two = [f"{bad[:-1]}, while {good}" for bad, good in zip(texts["negative"][:7], texts["positive"][:7], strict=True)]
    write_stream(folder / "news.csv", texts | {"negative": texts["negative"] + of_two})
    (folder / "companies.csv").write_text(COMPANIES)
    (folder / "watch.toml").write_text('[patterns]\n"every text" = "[a-z]+"\n')
    with warm():
        plotly()
        TimeReader("UTC", "DMY").read("Jul-18")
        language_of("Profit rose.")
        for name in ("tasks.register.load", "sklearn.linear_model", "scipy.stats"):
            importlib.import_module(name)
        made: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (refresh, (folder / form, form == FORMS[1])) for form in FORMS
        ]
        for function, arguments in ((train, (folder / "root", folder / "news")), *made):
            with Child(function, *arguments) as child:
                if child.wait():
                    raise RuntimeError(child.said)
        for form in FORMS:
            whole = left_by(folder / form)
            if not (len(whole["alerts"]) >= 2 and whole["told"] and whole["scored"] == DAYS * A_DAY and not whole["waiting"]):
                raise RuntimeError(f"the stream is none to be warned of: {whole}")
        if not {"clause", "text"} <= (read := origins(folder / FORMS[1])).keys():
            raise RuntimeError(f"the sentiment towards names is from {read}")
        if not any(alert["series"] == "name:Several of them" for _, alert, _ in whole["alerts"]):
            raise RuntimeError("no company is warned of")
        start = time.monotonic()
        with Child(refresh, folder / "again") as child:
            child.wait()
        (folder / "seconds").write_text(str(time.monotonic() - start))
        yield


def train(root: Path, corpus: Path) -> None:
    """Register the first version of a model that tells good news from bad."""
    run(configured(root, corpus, "--finetune.bag.epochs", "8", base=BAG))


def origins(root: Path) -> Counter[str]:
    """What the sentiment towards the names of the documents is from, and how often."""
    with MonitorState.read(root, "desk") as state:
        told = [row["towards"] for batch in state.documents(columns=["towards"]) for row in batch.to_pylist()]
    return Counter(each["from"] for row in told for each in row)


def refresh(root: Path, with_companies: bool = False) -> None:
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
        "score": {"model": "news@champion", "watch_list": root.parent / "watch.toml"}
        | ({"companies": root.parent / "companies.csv"} if with_companies else {}),
        "notify": {"channels": channels},
        "runtime": {"data_root": root, "tracking_uri": tracking_home(None, root.parent / "root", CHECKOUT).uri},
    }
    alone(flows.refresh.refresh)(RefreshConfig.model_validate(sections))


def at(point: str, random: Random, folder: Path) -> str | None:
    """Kill at a named point."""
    form = random.choice(FORMS)
    with Child(refresh, folder, form == FORMS[1], crash_at=point) as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    return again(folder, form)


def by_chance(random: Random, folder: Path) -> str | None:
    """Kill at some moment, unless the refresh is faster today."""
    seconds, form = float((folder.parent / "seconds").read_text()), random.choice(FORMS)
    with Child(refresh, folder, form == FORMS[1]) as child:
        time.sleep(random.uniform(0.0, seconds))
        child.kill()
    return again(folder, form)


def again(folder: Path, form: str) -> str | None:
    """What is wrong with the repetition or with what is there afterwards."""
    with Child(refresh, folder, form == FORMS[1]) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
    whole, left = left_by(folder.parent / form), left_by(folder)
    if other := [name for name in whole if left[name] != whole[name]]:
        return f"{other} are other than those of the refresh that was left alone"
    held = held_locks(folder)
    return f"held: {held}" if held else None


CASES = {
    **{point: functools.partial(at, point) for point in POINTS},
    **{f"by chance ({number})": by_chance for number in range(BY_CHANCE)},
}
COUNT = 8 * len(CASES)
