"""Concurrent runs share work: of eight that want the same, one builds and all get it; a fresh home has one start.

Eight processes are let go at once, or at moments drawn by chance, on the same two keys of a store; in some trials the artifact
is there and damaged. They are forked from one that has imported everything, so that they do meet. On a fresh home four
processes run the whole command, `textmill train`, which starts Prefect's server and makes both databases.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import psutil

from flows import prepared
from tasks.ingest.settings import IngestConfig
from tasks.prepare.settings import PrepareConfig
from tasks.store.artifact import Store
from tasks.store.step import Run
from tests.faults.command import Command, processes
from tests.faults.forks import Child
from tests.faults.steps import warm
from tests.faults.trained import make_corpus
from tests.patience import HANGS_SECONDS
from tests.steps import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

NUMBER = 3
PROMISE = (
    "Concurrent runs share work: of 8 processes that want the same artifacts, missing or damaged, one builds each, all end "
    "well and with equal digests; of 4 commands `textmill train` that begin on a fresh home (half the trials) all exit 0, "
    "with one Prefect server, each step built once, one version registered, and all runs in both databases"
)
TAKEN_OUT = (
    "the locks of the store are not taken: 2 of 2 trials fail; on a fresh home the lock around the start of Prefect's server: "
    "1 of 2, around the making of MLflow's database: 2 of 2"
)
COUNT = 40
LIMIT_SECONDS = 900  # four commands on a machine that others use too
PROCESSES, FRESH_PROCESSES = 8, 4
FRESH_KNOBS = [
    *("--finetune.model", "bag", "--finetune.epochs", "1", "--finetune.threads", "1", "--pretrain.threads", "1"),
    *("--evaluate.yardstick", "false", "--evaluate.bootstrap", "100", "--runtime.workers", "1"),
]


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
        ingested = alone(prepared.ingest)(run, IngestConfig(source="folder", path=corpus)).data
        made = alone(prepared.prepare)(run, PrepareConfig(), corpus=ingested).data
    return {"built": built, "digests": [ingested.digest, made.digest]}


def fresh_home(random: Random, folder: Path) -> str | None:
    """Start four commands where nobody has; wrong is a failure, a second server, or work that was done twice."""
    root, corpus = folder / "root", folder.parent / "news"
    root.mkdir()
    servers: set[int] = set()
    with contextlib.ExitStack() as stack:
        commands = []
        for _ in range(FRESH_PROCESSES):
            commands.append(stack.enter_context(Command(root, corpus, "news", FRESH_KNOBS, {})))
            time.sleep(random.choice([0.0, random.uniform(0.0, 0.5)]))
        while any(command.runs() for command in commands):
            servers |= prefect_servers(root)
            time.sleep(0.1)
        codes = [command.wait() for command in commands]
        if any(codes):
            return next(f"exit codes {codes}: {command.said()}" for command, code in zip(commands, codes, strict=True) if code)
        results = [command.result() for command in commands]
    if len(servers) != 1:
        return f"{len(servers)} servers were started"
    decisions = sorted(f"{result['model']['version']} {result['decision']}" for result in results)
    if decisions != ["1 first", *["1 unchanged"] * (FRESH_PROCESSES - 1)]:
        return f"the decisions are {decisions}"
    for name in results[0]["stages"].keys() - {"register"}:
        built = sum(not result["stages"][name]["cached"] for result in results)
        if built != 1:
            return f"{name} was built {built} times"
    if found := processes(root, within=HANGS_SECONDS):
        return f"still run: {found}"
    return _recorded(root, [result["mlflow_run_id"] for result in results])


def _recorded(root: Path, mlflow_runs: list[str]) -> str | None:
    """Whether both databases are whole and hold each of the runs once, at its end."""
    with contextlib.closing(sqlite3.connect(root / "prefect" / "prefect.db")) as db:
        states = [state for (state,) in db.execute("SELECT state_type FROM flow_run")]
        whole = db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    if states != ["COMPLETED"] * FRESH_PROCESSES or not whole:
        return f"Prefect's database, whole: {whole}, has runs that are {states}"
    with contextlib.closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as db:
        ended = {run for (run,) in db.execute("SELECT run_uuid FROM runs WHERE status = 'FINISHED'")}
        whole = db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    missing = set(mlflow_runs) - ended
    return None if whole and not missing and len(set(mlflow_runs)) == FRESH_PROCESSES else f"MLflow misses {missing}"


def prefect_servers(root: Path) -> set[int]:
    """The processes that are Prefect's server of this data root."""
    lines = ((each.pid, each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))
    return {pid for pid, line in lines if "flows.servers.server" in line and str(root / "prefect") in line}


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
    """One of the two, in turns of two."""
    return (fresh_home if int(folder.name) % 4 >= 2 else same_key)(random, folder)
