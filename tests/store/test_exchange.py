"""What workers and a command exchange through a real S3 server, each with a data root of its own: as here, byte for byte."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tasks.embed.embed import write_vectors
from tasks.embed.reading import EmbedConfig
from tasks.engine.dask_cluster import DaskCluster
from tasks.engine.local import LocalPool
from tasks.errors import UnavailableError
from tasks.evaluate.evaluation import write_evaluation
from tasks.evaluate.settings import EvaluateConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.progress import SILENT
from tasks.runtime import Runtime
from tasks.store.opened import check_workers
from tasks.store.shared.bucket import Bucket
from tasks.store.shared.collect import collect
from tasks.store.shared.exchange import ROOT, LostError, Route, Sent, asked, look, own_data_root, received
from tasks.store.shared.store import SharedStore
from tests.clusters import Cluster, wait_for_workers
from tests.encoders import watched_encoder
from tests.evaluate.conftest import Corpus
from tests.s3 import BUCKET
from tests.store.hosts import KEY, Memory, commit, content, make
from tests.writers import Row, write_corpus, write_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3 import S3


@pytest.fixture(scope="module")
def running(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers, each with a data root of its own and the credentials of the bucket."""
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder) as made:
        for number in range(2):
            made.start_worker(settings=s3.environment() | {ROOT: str(folder / f"root-{number}")})
        wait_for_workers(made, 2)
        yield made


@pytest.fixture
def store(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedStore:
    """The store of the command, whose data root no worker is told of."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return SharedStore(tmp_path / "data", Bucket(f"s3://{BUCKET}/{tmp_path.name}"), lease_seconds=9.0)


def stored(store: SharedStore, step: str, source: Path) -> Path:
    """A folder as an artifact, its folder in the store."""
    with store.locked(step, KEY):
        assert store.find(step, KEY) is None
        with store.building(step, KEY) as build:
            shutil.copytree(source, build.folder, dirs_exist_ok=True)
            return store.folder(store.commit(build, step, KEY, report={}, seconds=0.0, inputs={}))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def prepared(store: SharedStore, corpus: Path, engine: DaskCluster | None) -> dict[str, bytes]:
    """What prepare makes of a corpus in the store."""
    with store.locked("prepare", KEY), store.building("prepare", KEY) as build:
        exchange = None if engine is None else store.exchange(build, corpus)
        write_dataset(PrepareConfig(), corpus, build.folder, engine=engine, exchange=exchange, many=0)
        shutil.rmtree(build.folder / "side")
        return files_below(build.folder)


@pytest.mark.long
def test_a_corpus_is_prepared_by_workers_that_share_a_bucket_alone(
    running: Cluster, store: SharedStore, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.prepare.partitions.PART_ROWS", 64)
    monkeypatch.setattr("tasks.prepare.partitions.PIECE_ROWS", 32)
    monkeypatch.setattr("tasks.store.shared.exchange.FEW_BYTES", 0)
    words = [f"word{number % 97} profit rose {number} of {number % 13}" for number in range(300)]
    documents = [(f"r{number:03}", text, ("neg", "pos")[number % 2], None) for number, text in enumerate(words)]
    corpus = stored(store, "ingest", write_corpus(tmp_path / "corpus", documents, group=16))
    engine, prefix = DaskCluster(running.address), f"{tmp_path.name}/data"
    here = prepared(store, corpus, None)
    roots = [running.folder / f"root-{number}" / "store" for number in range(2)]
    assert prepared(store, corpus, engine) == here
    assert [(root / "ingest" / KEY / "corpus.parquet").is_file() for root in roots] == [True, True]
    assert s3.places(f"{prefix}/prepare") == []
    damaged = [place for place in s3.places(f"{prefix}/ingest") if place.endswith("corpus.parquet")]
    s3.put(damaged[0], b"x" + s3.get(damaged[0])[1:])
    for root in roots:
        shutil.rmtree(root / "ingest")
    assert prepared(store, corpus, engine) == here
    assert len([place for place in s3.places(f"{prefix}/ingest") if place.endswith("corpus.parquet")]) == 2  # anew, beside it
    assert [list((root / ".building").iterdir()) for root in roots] == [[], []]
    runtime = Runtime(engine="dask", address=running.address, store=store.bucket.address, data_root=store.data_root)
    assert check_workers(runtime, None) == f"{running.address}: 2 workers with 2 threads, by {store.bucket.address}"
    worker = running.start_worker(settings={"AWS_ENDPOINT_URL": "http://10.0.0.1:1", ROOT: str(tmp_path / "other")})
    try:
        wait_for_workers(running, 3)
        with pytest.raises(UnavailableError, match=r"^the worker on \S+ \(process \d+\): AWS_ENDPOINT_URL is http"):
            check_workers(runtime, None)
    finally:
        running.kill(worker)
        wait_for_workers(running, 2)


@pytest.mark.long  # torch makes the network
def test_vectors_are_made_by_workers_that_share_a_bucket_alone(
    running: Cluster, store: SharedStore, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.embed.embed.PART", 10)
    config = EmbedConfig(pooling="mean", max_len=16, truncate="head")
    texts = write_texts(tmp_path / "texts", [(f"{number}", "train", f"profit rose {number}") for number in range(35)])
    given, made = stored(store, "weights", weights), []
    encoded = watched_encoder(monkeypatch)
    for engine in (None, DaskCluster(running.address)):
        with store.locked("embed", KEY), store.building("embed", KEY) as build:
            exchange = None if engine is None else store.exchange(build, given)
            places: Any = (given, texts, ("train",), build.folder, build.scratch)
            write_vectors(config, *places, engine=engine, exchange=exchange, progress=SILENT)
            made.append(files_below(build.folder))
            shutil.rmtree(build.scratch)
    assert made[0] == made[1]
    assert len(encoded) == 35 + 10  # the first part is not worth a worker


def test_test_rows_are_labelled_by_workers_as_here(
    running: Cluster, store: SharedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.evaluate.evaluation.BATCH_ROWS", 10)
    monkeypatch.setattr("tasks.evaluate.evaluation.FEW", 1)
    words = {"neg": ["loss", "fell"], "pos": ["profit", "rose"]}
    rows: list[Row] = [
        (f"{number}", ("train", "valid", "test")[number % 3], label, [*words[label], f"w{number % 29}"])
        for number in range(150)
        for label in [sorted(words)[number % 2]]
    ]
    corpus = Corpus(tmp_path, rows)
    for place in (model := tmp_path / "model", scratch := tmp_path / "scratch"):
        place.mkdir()
    write_model(FinetuneConfig(model="tfidf", threads=1), corpus.dataset, None, model, scratch)
    given = stored(store, "finetune", model)
    here, made = LocalPool(2), []
    by_path, by_bucket = DaskCluster(running.address), DaskCluster(running.address)
    for engine in (here, by_path, by_bucket):
        with store.locked("evaluate", KEY), store.building("evaluate", KEY) as build:
            exchange = store.exchange(build, given) if engine is by_bucket else None
            write_evaluation(
                corpus.evaluation(EvaluateConfig(bootstrap=100)), given, build.folder, engine=engine, exchange=exchange
            )
            shutil.rmtree(build.folder / "side")
            made.append(files_below(build.folder))
    assert made[0] == made[1] == made[2]
    assert all((running.folder / f"root-{number}" / "store" / "finetune" / KEY).is_dir() for number in range(2))


def route(memory: Memory, digest: str, part: str = "") -> Route:
    return Route(memory.bucket.address, f"data/prepare/{KEY}/parts-1/", "demo", KEY, part, digest, 9)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """A bucket in memory as a worker in this process opens it, with a data root of its own."""
    memory = Memory()
    monkeypatch.setenv(ROOT, str(tmp_path / "worker"))
    monkeypatch.setattr("tasks.store.opened.open_bucket", lambda address: memory.bucket)
    from tasks.store.shared import exchange

    for each in (cached := [exchange._store, exchange._brought]):
        each.cache_clear()
    yield memory
    for each in cached:
        each.cache_clear()


def test_a_worker_brings_what_a_call_reads_once(worker: Memory, tmp_path: Path) -> None:
    made, _ = make(worker.host(tmp_path / "1"), {"a": b"1", "part/b": b"2"})
    asked_for = route(worker, made.digest, "part")
    for _ in range(2):
        with asked_for.working() as here:
            assert here.folder == tmp_path / "worker" / "store" / "demo" / KEY / "part"
            assert (here.folder / "b").read_bytes() == b"2"
            (here.scratch / "made").write_bytes(b"x" * 9)
            few, much = asked_for.send(here.scratch / "made", whole=True), asked_for.send(here.scratch / "made")
            (other := here.scratch / "other").mkdir()
            assert [asked_for.receive(each, other).read_bytes() for each in (few, much)] == [b"x" * 9] * 2
        assert not here.scratch.exists()
        worker.put(worker.places("data/demo")[0], b"?")  # it is not looked at again
    assert few.data == b"x" * 9
    assert much.place in worker.places("data/prepare")
    assert few.place not in worker.places("data/prepare")
    shutil.rmtree(here.folder.parent)  # collected as garbage: it is damaged in the bucket by now
    with pytest.raises(LostError, match=f"^demo/{KEY[:10]} is damaged or gone in s3://memory/tests; the same command"):
        asked_for.working().__enter__()
    worker.put(much.place, b"y" * 9)
    with pytest.raises(UnavailableError, match=r"/made-\S+ in s3://\S+ has other bytes than were written; the same command"):
        received(worker.bucket, much, tmp_path)
    with pytest.raises(UnavailableError, match="is missing or of another size"):
        received(worker.bucket, Sent("data/nowhere", 3, "0", None), tmp_path)


def test_an_artifact_that_is_lost_is_written_anew_by_the_command(worker: Memory, tmp_path: Path) -> None:
    host = worker.host(tmp_path / "1")
    made = commit(host, {"a": b"1"})
    worker.put(worker.places("data/demo")[0], b"?")
    with host.building("prepare", KEY) as build:
        exchange = host.exchange(build, host.folder(made))

    class Here:
        def map_ordered(self, function: Any, calls: Any, **named: Any) -> Iterator[Any]:
            return (function(*call) for call in calls)

    def read(number: int, route: Route) -> str:
        with route.working() as here:
            return f"{number} {(here.folder / 'a').read_text()}"

    assert list(exchange.map_ordered(Here(), read, [(1,), (2,)])) == ["1 1", "2 1"]  # type: ignore[arg-type]
    second = worker.host(tmp_path / "2")
    assert content(second, make(second, {})[0]) == {"a": b"1"}


def test_what_a_killed_command_left_is_garbage(worker: Memory, tmp_path: Path) -> None:
    made, _ = make(worker.host(tmp_path / "1"), {"a": b"1"})
    asked_for = route(worker, made.digest)
    with asked_for.working() as here:
        (here.scratch / "made").write_bytes(b"x" * 9)
        asked_for.send(here.scratch / "made")
    collect(worker.bucket, keep_runs=1)
    assert len(worker.places("data/prepare")) == 1
    collect(worker.bucket, keep_runs=1, leftovers=timedelta(0))
    assert worker.places("data/prepare") == []


def test_a_worker_that_cannot_use_the_bucket_says_so(worker: Memory, tmp_path: Path) -> None:
    with asked(worker.bucket) as (function, *arguments):
        assert function(*arguments) is None
        with pytest.raises(UnavailableError, match=r"^the worker on \S+ \(process \d+\): it has another bucket at s3://"):
            look(arguments[0], arguments[1], "another")
        assert own_data_root() == tmp_path / "worker"
        shutil.rmtree(own_data_root())
        own_data_root().touch()
        with pytest.raises(UnavailableError, match=r"^the worker on \S+ \(process \d+\): \S+: Not a directory"):
            look(*arguments)
    assert worker.places("probes") == []
