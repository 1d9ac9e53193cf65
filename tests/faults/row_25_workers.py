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
    "killed (SIGKILL) after a part drawn by chance, or a host (worker and nanny), or all of them before a new one comes, or "
    "one is stopped (SIGSTOP) until the scheduler gives it up, and goes on when its work is done again by another"
)
TAKEN_OUT = "Dask repeats no call of a lost worker (allowed-failures 0): 6 of 6 trials fail"
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


class Watched(DaskCluster):
    """A cluster to which something happens once so many results have come."""

    def __init__(self, made: Cluster, after: int, happens: Callable[[], None]) -> None:
        super().__init__(made.address)
        self.left, self.happens = after, happens

    def map_ordered(self, *given: Any, **named: Any) -> Iterator[Any]:
        """As it is, and what happens meanwhile."""
        for found in super().map_ordered(*given, **named):
            if self.left == 0:
                self.happens()
            self.left -= 1
            yield found


def under_way(work: Any, made: Cluster, folder: Path, happens: Callable[[], None], after: int) -> str | None:
    """Do the work on the cluster and let something happen after so many results; what went wrong."""
    engine = Watched(made, after, happens)
    found = work(engine, folder)
    if engine.left >= 0:
        return "the work was done before anything happened"
    return None if found == MADE[work.__name__] else "other bytes than one process makes"


def moment(work: Any, random: Random) -> int:
    """After how many results something happens: both passes of prepare have 95, labelling has 32."""
    return random.randrange(85 if work is prepared else 24)


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

            return under_way(work, made, folder, happens, moment(work, random))

    return trial


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


HOW = ("a worker is killed", "a host is killed", "all are killed, and one comes", "a worker is stopped")
CASES = {f"{work.__name__}: {how}": trial_of(work, how) for how in HOW for work in (prepared, labelled)}
COUNT = 3 * len(CASES)
