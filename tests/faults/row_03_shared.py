"""Concurrent runs share work: of eight that want the same, one builds and all get it; a fresh home has one start.

Eight processes are let go at once, or at moments drawn by chance, on the same two keys of a store; in some trials the artifact
is there and damaged. On a fresh home four processes start Prefect's server and MLflow's database.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from flows import train
from flows.server import Server, answers
from tasks.artifact import Store
from tasks.config import CHECKOUT, IngestConfig, PrepareConfig
from tasks.step import Run
from tasks.tracking.tracker import Tracker
from tests.faults.forks import Child
from tests.faults.steps import warm
from tests.faults.trained import make_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

NUMBER = 3
PROMISE = (
    "Concurrent runs share work: of 8 processes that want the same artifacts, missing or damaged, one builds each, all end "
    "well and with equal digests; 4 processes that begin on a fresh home use one Prefect server and one MLflow database "
    "(one trial in ten)"
)
TAKEN_OUT = "the locks of the store are not taken: 2 of 2 trials fail"
COUNT = 20
PROCESSES, FRESH_PROCESSES = 8, 4
WAIT_SECONDS = 200.0


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A corpus, and the imports that children share."""
    make_corpus(folder / "news", 20)
    with warm():
        yield


def same_key(random: Random, folder: Path) -> str | None:
    """Let eight processes go; wrong is a failure, another digest, two builds of one key, or something left over."""
    delays = [random.choice([0.0, random.uniform(0.0, 0.3)]) for _ in range(PROCESSES)]
    damaged = random.random() < 0.3
    corpus = folder.parent / "news"
    if damaged:
        code, results, said = together(folder, build, [(folder, corpus, 0.0)])
        if code:
            return said
        path = random.choice([each for each in (folder / "store").glob("[!.]*/*/*") if each.is_file()])
        path.write_bytes(path.read_bytes()[:-1])
    code, results, said = together(folder, build, [(folder, corpus, delay) for delay in delays])
    if code:
        return said
    built = [step for result in results for step in result["built"]]
    if sorted(built) != (["ingest", "prepare"] if not damaged else [path.parents[1].name]):
        return f"{sorted(built)} were built, damaged: {damaged}"
    if len({tuple(result["digests"]) for result in results}) != 1:
        return f"digests differ: {[result['digests'] for result in results]}"
    left = [each.name for area in (".building", ".scratch") for each in (folder / "store" / area).glob("*")]
    return f"left over: {left}" if left else None


def build(root: Path, corpus: Path, delay: float) -> dict[str, Any]:
    """The first two steps of a run; which were built here, and the digests."""
    time.sleep(delay)
    built: list[str] = []
    run = Run(Store(root), started=built.append)
    with run.store.reading():
        ingested = train.ingest.fn(run, IngestConfig(source="folder", path=corpus)).data
        prepared = train.prepare.fn(run, PrepareConfig(), corpus=ingested).data
    return {"built": built, "digests": [ingested.digest, prepared.digest]}


def fresh_home(random: Random, folder: Path) -> str | None:
    """Let four processes begin where nobody has; wrong is a failure, or a second server."""
    code, results, said = together(folder, begin, [(folder, number) for number in range(FRESH_PROCESSES)])
    if code:
        return said
    _, (found,), _ = together(folder, find_runs, [(folder,)])
    if len(set(results)) != 1:
        return f"{len(set(results))} servers were started: {results}"
    return None if all(found) and len(set(found)) == FRESH_PROCESSES else f"of the runs MLflow has {found}"


def begin(root: Path, number: int) -> str:
    """Start like a run; the address of the server, which stays until all have come."""
    with Server(root, timeout=WAIT_SECONDS) as endpoint:
        tracker = Tracker.open(None, root, CHECKOUT, "news")
        tracker.finish(tracker.start_run("run", {"number": str(number)}))
        tracker.close()
        (root / f"came-{number}").touch()
        deadline = time.monotonic() + WAIT_SECONDS
        while len(list(root.glob("came-*"))) < FRESH_PROCESSES and time.monotonic() < deadline:
            time.sleep(0.05)
        if not answers(endpoint, timeout=30.0):
            raise AssertionError(f"{endpoint.url} does not answer")
    return endpoint.url


def find_runs(root: Path) -> list[str | None]:
    """The MLflow runs of all of them."""
    tracker = Tracker.open(None, root, CHECKOUT, "news")
    return [tracker.find_run({"number": str(number)}) for number in range(FRESH_PROCESSES)]


def together(folder: Path, function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> tuple[int, list[Any], str]:
    """Call a function in as many processes, all let go at once: the first exit code that is not 0, results, what was said."""
    go = folder / "go"
    go.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(when_let_go, go, function, call)) for call in calls]
        go.touch()
        codes = [child.wait() for child in children]
        said = next((child.said for child in children if child.said), "")
        return next((code for code in codes if code), 0), [child.result for child in children], said or f"exit codes {codes}"


def when_let_go(go: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    while not go.exists():
        time.sleep(0.001)
    return function(*arguments)


def trial(random: Random, folder: Path) -> str | None:
    """One of the two."""
    return (fresh_home if int(folder.name) % 10 == 9 else same_key)(random, folder)
