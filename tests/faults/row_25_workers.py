"""A Dask cluster whose workers are killed or stopped while they work: the bytes are the same.

Scheduler and workers are processes of Dask's command line on this machine, each worker under a nanny. `prepared` is what the
step prepare makes where workers see the data root, `exchanged` where each has one of its own and a bucket is between them,
`encoded` are the vectors of an encoder by such workers, `labelled` is a file of textmill score.
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

from tasks.embed import embed
from tasks.embed.reading import EmbedConfig
from tasks.engine.dask_cluster import DaskCluster
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.ingest.settings import IngestConfig
from tasks.prepare import partitions
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.progress import SILENT
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tasks.score import parquet_parts, parts, score
from tasks.store.shared.bucket import Bucket
from tasks.store.shared.exchange import ROOT
from tasks.store.shared.store import SharedStore
from tests.clusters import Cluster
from tests.encoders import fetched_weights
from tests.s3 import BUCKET, s3_server
from tests.writers import write_corpus, write_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from tasks.store.artifact import Build
    from tasks.store.shared.exchange import Exchange

NUMBER = 25
PROMISE = (
    "Whatever becomes of the workers of a Dask cluster, what it makes is what one process makes, byte for byte, by a data root "
    "that all see or by a bucket between data roots of their own, in which no part is left: a worker is killed (SIGKILL) after "
    "a part drawn by chance, or a host (worker and nanny), or all of them before a new one comes, or one is stopped (SIGSTOP) "
    "until the scheduler gives it up, and goes on when its work is done again by another"
)
TAKEN_OUT = (
    "Dask repeats no call of a lost worker (allowed-failures 0): 6 of 6 trials fail; what is left of an exchange is not "
    "deleted at its end: 3 of 4 by a bucket"
)
LIMIT_SECONDS = 600
DOCUMENTS = 4000
VECTORS = 640  # texts
KEY = "k" * 64
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
        embed: ("PART",),
    }
    sizes = {"PIECE_ROWS": 64, "PART": 16}
    saved = [(module, name, getattr(module, name)) for module, names in small.items() for name in names]
    for module, name, _ in saved:
        setattr(module, name, sizes.get(name, 128))
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
        splits = [(f"r{number:05}", "train", text) for number, (_, text, *_) in enumerate(documents[:VECTORS])]
        MADE["texts of vectors"] = write_texts(place / "splits", splits)
        MADE["weights"] = fetched_weights(place / "weights")
        with s3_server() as server:
            server.make()
            MADE["server"] = server
            os.environ.update(server.environment())
            for work in WORKS:
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
    return files_of(out)


def files_of(out: Path) -> dict[str, bytes]:
    """The files of an artifact by name, but for those beside its data."""
    shutil.rmtree(out / "side", ignore_errors=True)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def exchanged(engine: DaskCluster | None, folder: Path) -> dict[str, bytes]:
    """The same, where workers and command share a bucket alone."""

    def write(build: Build, corpus: Path, exchange: Exchange | None) -> None:
        write_dataset(PrepareConfig(), corpus, build.folder, engine=engine, exchange=exchange, many=0)

    return shared(folder, "prepare", "ingest", MADE["corpus"], write)


def encoded(engine: DaskCluster | None, folder: Path) -> dict[str, bytes]:
    """The vectors of some texts, where workers and command share a bucket alone."""

    def write(build: Build, weights: Path, exchange: Exchange | None) -> None:
        config = EmbedConfig(pooling="mean", max_len=16, truncate="head")
        places = (weights, MADE["texts of vectors"], ("train",), build.folder, build.scratch)
        embed.write_vectors(config, *places, engine=engine, exchange=exchange, progress=SILENT)

    return shared(folder, "embed", "weights", MADE["weights"], write)


def shared(
    folder: Path, step: str, given: str, source: Path, write: Callable[[Build, Path, Exchange | None], None]
) -> dict[str, bytes]:
    """What a step writes from an artifact that is in a bucket of the trial; AssertionError where parts are left there."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    prefix = f"trial-{folder.parent.name}-{folder.name}-{step}"
    store = SharedStore(folder / "data", Bucket(f"s3://{BUCKET}/{prefix}"), lease_seconds=30.0)
    with store.building(given, KEY) as build:
        shutil.copytree(source, build.folder, dirs_exist_ok=True)
        artifact = store.commit(build, given, KEY, report={}, seconds=0.0, inputs={})
    with store.building(step, KEY) as build:
        place = store.folder(artifact)
        write(build, place, store.exchange(build, place))
        found = files_of(build.folder)
    if left := MADE["server"].places(f"{prefix}/data/{step}/"):
        raise AssertionError(f"{left[:3]} and others are left in the bucket")
    return found


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
    """After how many results something happens: both passes of prepare have 95, vectors 39, labelling 32."""
    return random.randrange({prepared: 85, exchanged: 85, encoded: 30, labelled: 24}[work])


def trial_of(work: Any, how: str) -> Callable[[Random, Path], str | None]:
    """A trial in which `how` happens to workers in the midst of `work`."""

    def trial(random: Random, folder: Path) -> str | None:
        with Cluster(folder / "cluster", settings=SETTINGS) as made:
            nannies = [made.start_worker(nanny=True, settings=own(made, number)) for number in range(2)]
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
                    made.start_worker(settings=own(made, 2))
                elif how == "a worker is stopped":
                    stopped = made.children(nannies[chosen])
                    _signal(stopped, signal.SIGSTOP)
                    threading.Timer(9.0, _signal, (stopped, signal.SIGCONT)).start()

            return under_way(work, made, folder, happens, moment(work, random))

    return trial


def own(made: Cluster, number: int) -> dict[str, str]:
    """What a worker is told: a data root of its own, and the bucket's credentials."""
    return MADE["server"].environment() | {ROOT: str(made.folder / f"root-{number}")}


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


WORKS = (prepared, exchanged, encoded, labelled)
HOW = {"a worker is killed": 4, "a host is killed": 1, "all are killed, and one comes": 1, "a worker is stopped": 1}
CASES = {
    f"{work.__name__}: {how}{f' {number}' if number else ''}": trial_of(work, how)
    for number in range(max(HOW.values()))
    for how, times in HOW.items()
    if number < times
    for work in WORKS
}
COUNT = 3 * len(CASES)
