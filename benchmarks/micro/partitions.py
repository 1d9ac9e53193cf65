"""How prepare and score use the cores: documents a second, busy cores, and what the driver itself costs, by workers.

    python -m benchmarks.micro.partitions aclImdb_v1.tar.gz --folder EMPTY_FOLDER --times 4 --workers 0 1 2

The corpus is that of benchmarks.micro.scaling: IMDB's labelled train reviews, repeated with words exchanged. With 0 workers
`score` labels by threads of one process, as textmill did before it had partitions; `prepare` runs in one process, as with 1.
Each measurement is of a process of its own, after its imports and once the model is loaded, to the last byte of the
output and the end of the last worker. `driver_us` are CPU microseconds of the driver for each document. The digests of what is
written are compared. `--dask 1 2` measures clusters of so many workers of one thread too, on this machine; the CPU seconds of a
cluster are those of its start too. `--bucket 2` has `prepare` done by workers that share a bucket alone, each with a data root
of its own; the bucket is in the memory of moto's server, whose CPU seconds count as well. With `--by message` the files of the
result come with the answers there, through the scheduler.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import measure
from benchmarks.micro.scaling import finetune, write_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tasks.engine.engine import Engine
    from tasks.store.shared.exchange import Exchange

WORK = ("prepare", "score")
KEY = "k" * 64


def preparing(folder: Path, engine: Engine | None, exchange: Exchange | None = None) -> Callable[[], Path]:
    """Prepare the corpus, as a function to measure; it gives the folder that it wrote."""
    from tasks.prepare import duplicates  # noqa: F401 what it imports late
    from tasks.prepare.dataset import write_dataset
    from tasks.prepare.settings import PrepareConfig

    target = folder / "prepared"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()

    def prepare() -> Path:
        corpus = folder / "corpus" if exchange is None else folder / "data" / "store" / "ingest" / KEY
        write_dataset(PrepareConfig(), corpus, target, engine=engine, exchange=exchange)
        return target

    return prepare


def scoring(folder: Path, engine: Engine | None) -> Callable[[], Path]:
    """Score the corpus with a model that is loaded, as a function to measure; it gives the file that it wrote."""
    from tasks.ingest.settings import IngestConfig
    from tasks.model.serving import TextClassifier
    from tasks.register.models import LoadedModel
    from tasks.score.score import score_file

    loaded = LoadedModel("bag", 1, TextClassifier(folder / "package"))
    loaded.model.predict(["a text"])
    source, target = folder / "corpus" / "corpus.parquet", folder / "labels.parquet"

    def score() -> Path:
        score_file(source, target, reading=IngestConfig(), loaded=loaded, engine=engine)
        return target

    return score


@contextlib.contextmanager
def opened(workers: int, dask: int | None) -> Iterator[Engine | None]:
    """The engine of so many processes, or a cluster's; None for no process."""
    from tasks.engine.local import LocalPool

    if dask is None:
        yield LocalPool(workers) if workers else None
        return
    from tasks.engine.dask_cluster import DaskCluster
    from tests.clusters import cluster

    with tempfile.TemporaryDirectory() as scratch, cluster(Path(scratch), dask) as made:
        yield DaskCluster(made.address)


@contextlib.contextmanager
def exchanging(folder: Path, workers: int, by: str) -> Iterator[tuple[Engine, Exchange]]:
    """A cluster whose workers share a bucket alone with this process, and what they exchange by. The corpus is there."""
    import os

    from tasks.engine.dask_cluster import DaskCluster
    from tasks.store.shared import exchange
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.store import SharedStore
    from tests.clusters import Cluster, wait_for_workers
    from tests.s3 import BUCKET, s3_server

    shutil.rmtree(folder / "data", ignore_errors=True)
    if by == "message":
        exchange.FEW_BYTES = 1 << 40
    with tempfile.TemporaryDirectory() as scratch, s3_server() as server, Cluster(Path(scratch)) as made:
        server.make()
        os.environ |= server.environment()
        for number in range(workers):
            made.start_worker(settings=server.environment() | {exchange.ROOT: str(Path(scratch) / f"root-{number}")})
        wait_for_workers(made, workers)
        store = SharedStore(folder / "data", Bucket(f"s3://{BUCKET}/measured"), lease_seconds=600.0)
        with store.building("ingest", KEY) as build:
            shutil.copytree(folder / "corpus", build.folder, dirs_exist_ok=True)
            corpus = store.folder(store.commit(build, "ingest", KEY, report={}, seconds=0.0, inputs={}))
        with store.building("prepare", KEY) as build:
            given = store.exchange(build, corpus)
            assert given is not None
            yield DaskCluster(made.address), given


def measured(work: Callable[[], Path], documents: int) -> dict[str, Any]:
    """Seconds and CPU seconds of `work` and of the processes that it starts."""
    start, before = time.monotonic(), time.process_time()
    written = work()
    driver = time.process_time() - before
    seconds = time.monotonic() - start
    for process in multiprocessing.active_children():
        process.join()
    return {
        "documents_per_second": round(documents / seconds),
        "driver_us": round(1e6 * driver / documents, 1),
        "seconds": round(seconds, 2),
        "driver_cpu": driver,
        "digest": digest(written),
    }


def with_workers(found: dict[str, Any], documents: int) -> dict[str, Any]:
    """What was measured, with the CPU seconds of the processes that were started and have ended by now."""
    of_workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = found.pop("driver_cpu") + of_workers.ru_utime + of_workers.ru_stime
    return found | {"busy_cores": round(cpu / found["seconds"], 2), "cpu_us": round(1e6 * cpu / documents, 1)}


def run(command: Sequence[str]) -> dict[str, Any]:
    """What a measurement prints, and the memory in MB (RssAnon) of its largest process and of all together."""
    with tempfile.TemporaryFile() as output:
        done = measure(command, stdout=output)
        if done.returncode:
            sys.exit(done.returncode)
        output.seek(0)
        said: dict[str, Any] = json.loads(output.read())
    return said | {"peak_mb": round(done.peak_mb), "tree_peak_mb": round(done.tree_peak_mb)}


def digest(written: Path) -> str:
    """SHA-256 of a file, or of the data files below a folder."""
    files = sorted(path for path in written.rglob("*") if path.is_file()) if written.is_dir() else [written]
    found = hashlib.sha256()
    for path in files:
        if path.name != "timing.json":
            with path.open("rb") as file:  # not held whole: memory is measured too
                content = hashlib.file_digest(file, "sha256").digest()
            found.update(path.relative_to(written).as_posix().encode() + content)
    return found.hexdigest()


def main() -> None:
    """Measure all, or be one measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--limit", type=int, help="read only about so many reviews")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--dask", type=int, nargs="+", default=[], help="clusters of so many workers")
    parser.add_argument("--bucket", type=int, nargs="+", default=[], help="such clusters, with a bucket and no shared disk")
    parser.add_argument("--by", choices=("bucket", "message"), default="bucket", help="how files of the result come back there")
    parser.add_argument("--work", choices=WORK)
    parser.add_argument("--documents", type=int)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if arguments.work:
        make = {"prepare": preparing, "score": scoring}[arguments.work]
        if arguments.bucket:
            with exchanging(folder, arguments.bucket[0], arguments.by) as (engine, exchange):
                found = measured(preparing(folder, engine, exchange), arguments.documents)
        else:
            with opened(arguments.workers[0], arguments.dask[0] if arguments.dask else None) as here:
                found = measured(make(folder, here), arguments.documents)
        print(json.dumps(with_workers(found, arguments.documents)))
        return
    documents = write_corpus(arguments.archive, arguments.times, folder / "corpus", arguments.limit)
    same, every = True, dict[str, dict[str, Any]]()
    for work in WORK:
        if work == "score":
            print(json.dumps({"finetune": finetune(folder, arguments.times)}), flush=True)
            package(folder)
        digests = set()
        asked = {"workers": arguments.workers, "dask": arguments.dask, "bucket": arguments.bucket if work == "prepare" else []}
        for kind, number in [(kind, number) for kind, numbers in asked.items() for number in numbers]:
            words = ["--folder", str(folder), "--work", work, "--documents", str(documents), f"--{kind}", str(number)]
            words += ["--by", arguments.by]
            command = [sys.executable, "-m", "benchmarks.micro.partitions", str(arguments.archive), *words]
            found = run(command)
            digests.add(found["digest"])
            every.setdefault(work, {})[f"dask {number}" if kind == "dask" else str(number)] = found
            print(json.dumps({"work": work, kind: number, "documents": documents} | found), flush=True)
        same &= len(digests) == 1
    print(json.dumps({"equal_bytes": same} | every))


def package(folder: Path) -> None:
    """What a model's package has of what `score` reads."""
    from tasks.model.serving import TEXT

    (folder / "package").mkdir()
    (folder / "package" / "model").symlink_to((folder / "model").absolute())
    shutil.copyfile(folder / "prepared" / "dataset" / TEXT, folder / "package" / TEXT)


if __name__ == "__main__":
    main()
