"""A Dask cluster whose workers are killed or stopped while a corpus is prepared or a file is labelled: the bytes are the same.

Scheduler and workers are processes of Dask's command line on this machine, each worker under a nanny.
"""

from __future__ import annotations

import contextlib
import os
import random as chance
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.engine.dask_cluster import DaskCluster
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.ingest.settings import IngestConfig
from tasks.prepare import partitions
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tasks.score import parquet_parts, parts, score
from tests.clusters import Cluster
from tests.writers import write_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

NUMBER = 25
PROMISE = (
    "Whatever becomes of the workers of a Dask cluster, what it makes is what one process makes, byte for byte: a worker is "
    "killed (SIGKILL) at a moment drawn by chance, or a host (worker and nanny), or all of them before a new one comes, or one "
    "is stopped (SIGSTOP) until the scheduler gives it up, and goes on when its work is done again by another"
)
TAKEN_OUT = "to be measured"
LIMIT_SECONDS = 600
DOCUMENTS = 4000
SETTINGS = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "4s", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "9"}
FIGURES: list[str] = []
MADE: dict[str, Any] = {}


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A corpus, a model, and what one process makes of both; parts are small, so that there are many."""
    place = folder / "given"
    small = {
        partitions: ("PART_ROWS", "PIECE_ROWS"),
        parts: ("BATCH",),
        parquet_parts: ("BATCH",),
        score: ("BATCH", "PART_ROWS"),
    }
    saved = [(module, name, getattr(module, name)) for module, names in small.items() for name in names]
    for module, name, _ in saved:
        setattr(module, name, 64 if name == "PIECE_ROWS" else 128)
    try:
        source = chance.Random(25)
        words = {"neg": ["loss", "fell", "weak", "slump"], "pos": ["profit", "rose", "strong", "growth"]}
        documents: list[Any] = []
        for number in range(DOCUMENTS):
            label = sorted(words)[number % 2]
            text = " ".join([*(f"w{source.randrange(3000)}" for _ in range(30)), *source.sample(words[label], k=2)])
            documents.append((f"r{number:05}", text, label, None))
        MADE["corpus"] = write_corpus(place / "corpus", documents, group=32)
        for name in ("prepared", "model", "scratch", "package"):
            (place / name).mkdir()
        write_dataset(PrepareConfig(), MADE["corpus"], place / "prepared")
        dataset = place / "prepared" / "dataset"
        write_model(FinetuneConfig(model="bag", threads=1), dataset, None, place / "model", place / "scratch")
        write_package(place / "model", dataset, place / "package")
        MADE["package"] = place / "package"
        MADE["texts"] = place / "texts.parquet"
        pq.write_table(pa.table({"n": range(DOCUMENTS), "text": [text for _, text, *_ in documents]}), MADE["texts"])
        for work in (prepared, labelled):
            MADE[work.__name__] = work(None, place)
        yield
    finally:
        for module, name, value in saved:
            setattr(module, name, value)


def prepared(engine: DaskCluster | None, folder: Path) -> dict[str, bytes]:
    """The files that the step `prepare` makes of the corpus."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    write_dataset(PrepareConfig(), MADE["corpus"], out, engine=engine, many=0)
    shutil.rmtree(out / "side")
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def labelled(engine: DaskCluster | None, folder: Path) -> dict[str, bytes]:
    """The file that `textmill score` makes of the texts."""
    package = MADE["package"]
    loaded = LoadedModel("news", 1, open_package(package).TextClassifier(package))
    score.score_file(MADE["texts"], folder / "scored.parquet", reading=IngestConfig(), loaded=loaded, engine=engine)
    return {"scored": (folder / "scored.parquet").read_bytes()}


def under_way(work: Any, made: Cluster, folder: Path, happens: Callable[[], None], wait: float) -> str | None:
    """Do the work on the cluster and let something happen meanwhile; what went wrong."""
    failed: list[BaseException] = []
    start, happened = time.monotonic(), [0.0]

    def later() -> None:
        happened[0] = time.monotonic() - start
        try:
            happens()
        except BaseException as error:  # noqa: BLE001 told by the trial
            failed.append(error)

    timer = threading.Timer(wait, later)
    timer.start()
    try:
        found = work(DaskCluster(made.address), folder)
    finally:
        timer.cancel()
        timer.join()
    if failed:
        return f"the test itself failed: {failed[0]}"
    if found != MADE[work.__name__]:
        return "other bytes than one process makes"
    took = time.monotonic() - start
    FIGURES.append(
        f"{work.__name__}: after {happened[0]:.1f} of {took:.1f} s" if happened[0] else f"{work.__name__}: done before"
    )
    return None


def trial_of(work: Any, how: str) -> Callable[[Random, Path], str | None]:
    """A trial in which `how` happens to workers in the midst of `work`."""

    def trial(random: Random, folder: Path) -> str | None:
        with Cluster(folder / "cluster", settings=SETTINGS) as made:
            nannies = [made.start_worker(nanny=True) for _ in range(2)]
            engine = DaskCluster(made.address)
            while engine.check().startswith(f"{made.address}: 1 "):
                pass
            chosen = random.randrange(2)

            def happens() -> None:
                if how == "a worker is killed":
                    _signal(made.children(nannies[chosen]), signal.SIGKILL)
                elif how == "a host is killed":
                    made.kill(nannies[chosen])
                elif how == "all are killed, and one comes":
                    for nanny in nannies:
                        made.kill(nanny)
                    made.start_worker()
                elif how == "a worker is stopped":
                    stopped = made.children(nannies[chosen])
                    _signal(stopped, signal.SIGSTOP)
                    threading.Timer(9.0, _signal, (stopped, signal.SIGCONT)).start()

            return under_way(work, made, folder, happens, random.uniform(0.1, 2.5))

    return trial


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


HOW = ("a worker is killed", "a host is killed", "all are killed, and one comes", "a worker is stopped")
CASES = {f"{work.__name__}: {how}": trial_of(work, how) for how in HOW for work in (prepared, labelled)}
COUNT = 3 * len(CASES)
