"""The parts of a large work on the workers of a real Dask cluster: as here, byte for byte, or one line that says why not."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.embed.embed import write_vectors
from tasks.embed.reading import EmbedConfig
from tasks.engine.dask_cluster import DaskCluster
from tasks.engine.engines import engine_of
from tasks.engine.knock import knock
from tasks.engine.local import LocalPool
from tasks.engine.own_code import Code, difference, installed, own_code, read_code
from tasks.engine.remote import OTHER_CODE, REFUSED, Terms, answer
from tasks.errors import RequestError, UnavailableError
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.progress import SILENT
from tasks.register.handle import Handle, Place
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.runtime import Runtime
from tasks.score.parts import Asked, Part, score_part
from tasks.score.score import score_file
from tests.clusters import Cluster, cluster, other_code, wait_for_workers
from tests.command_line import run_here
from tests.encoders import watched_encoder
from tests.engine import calls
from tests.score.conftest import loaded  # noqa: F401
from tests.writers import write_corpus, write_texts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def engine(running: Cluster) -> DaskCluster:
    """What a run with this cluster works with."""
    engine = engine_of(Runtime(engine="dask", address=running.address))
    assert isinstance(engine, DaskCluster)
    return engine


def test_results_come_in_order_from_the_workers_and_few_calls_are_under_way(engine: DaskCluster) -> None:
    asked = []

    def numbers() -> Iterator[tuple[int]]:
        for number in range(20):
            asked.append(number)
            yield (number,)

    found = []
    for place, (number, pid) in enumerate(engine.map_ordered(calls.number_and_process, numbers(), few=2)):
        assert number == place
        assert len(asked) <= place + 6
        found.append(pid)
    assert found[:2] == [os.getpid()] * 2
    assert os.getpid() not in found[2:]
    assert len(set(found[2:])) == 2
    assert engine.workers == 2


def test_a_call_is_done_again_if_its_worker_is_lost_before_its_answer_is_noted(
    engine: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import cfexecutor

    class Gone:
        """A future of Dask's whose worker dies between its answer and the look at its status."""

        status = "lost"

        def __init__(self, future: Any) -> None:
            self.future = future

        def _result(self, raiseit: bool) -> Any:
            return self.future._result(raiseit=raiseit)

    def noted(future: Any, ours: Any) -> Any:
        if still:
            still.pop()
            future = Gone(future)
        return cascade(future, ours)

    cascade, still = cfexecutor._cascade_future, [1, 2, 3]
    monkeypatch.setattr(cfexecutor, "_cascade_future", noted)
    done = engine.map_ordered(calls.number_and_process, ((number,) for number in range(6)))
    assert [number for number, _ in done] == list(range(6))
    assert not still
    still += [1] * 100
    with pytest.raises(
        UnavailableError, match=r"the cluster failed \(not enough values .*\); the same command can be repeated"
    ):
        list(engine.map_ordered(calls.number_and_process, [(1,)]))


def test_errors_of_a_call_are_raised_at_their_turn(engine: DaskCluster, running: Cluster, tmp_path: Path) -> None:
    with engine.kept():
        done = engine.map_ordered(calls.refuse_three, ((number,) for number in range(9)))
        assert [next(done), next(done), next(done)] == [0, 1, 2]
        with pytest.raises(RequestError, match=r"^row 3: refused$"):
            next(done)
        with pytest.raises(UnavailableError, match=r"^the worker on \S+ \(process \d+\): StrangeError: number 1$"):
            list(engine.map_ordered(calls.strange_error, [(1,)]))
        gone = tmp_path / "secret name"
        with pytest.raises(UnavailableError, match=r"^the worker on \S+ \(process \d+\) does not see .*secret name; let every"):
            list(engine.map_ordered(calls.one_file, [(str(gone),)]))
    assert not [log for log in ("scheduler", "worker-0", "worker-1") if "secret name" in running.said(log)]


def test_a_corpus_is_prepared_as_here(engine: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.prepare.partitions.PART_ROWS", 64)
    monkeypatch.setattr("tasks.prepare.partitions.PIECE_ROWS", 32)
    words = [f"word{number % 97} profit rose {number} of {number % 13}" for number in range(300)]
    documents = [(f"r{number:03}", text, ("neg", "pos")[number % 2], None) for number, text in enumerate(words)]
    write_corpus(tmp_path / "corpus", documents, group=16)
    files = []
    for name, each in (("here", LocalPool(1)), ("there", engine)):
        folder = tmp_path / name
        folder.mkdir()
        write_dataset(PrepareConfig(), tmp_path / "corpus", folder, engine=each, many=0)
        shutil.rmtree(folder / "side")
        files.append({str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()})
    assert files[0] == files[1]
    assert len(files[0]) > 5


def test_a_file_is_labelled_as_here(
    engine: DaskCluster,
    loaded: LoadedModel,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("parts", "parquet_parts", "score"):
        monkeypatch.setattr(f"tasks.score.{module}.BATCH", 10)
    monkeypatch.setattr("tasks.score.score.PART_ROWS", 40)
    monkeypatch.setattr("tasks.score.score.FEW", 1)
    folder = Path(shutil.copytree(loaded.model.folder, tmp_path / "package"))
    packaged = LoadedModel("news", 3, open_package(folder).TextClassifier(folder))
    source = tmp_path / "news.parquet"
    pq.write_table(pa.table({"n": range(203), "text": [f"profit rose {number}" for number in range(203)]}), source)
    output, files = tmp_path / "scored.parquet", []
    for each in (None, engine):
        score_file(source, output, reading=IngestConfig(), loaded=packaged, engine=each, explain=True)
        files.append(output.read_bytes())
    assert files[0] == files[1]
    folder.rename(tmp_path / "elsewhere")
    lost = Handle(None, Place("news", 4, folder, "0" * 64))
    with pytest.raises(UnavailableError, match=r"does not see .*package; let every worker read and write the data root"):
        list(engine.map_ordered(score_part, [(Part("x"), Asked(lost, None, False, pa.schema([])))]))


@pytest.mark.long  # torch makes the network
def test_vectors_of_texts_are_made_as_here(
    engine: DaskCluster, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.embed.embed.PART", 10)
    config = EmbedConfig(pooling="mean", max_len=16, truncate="head")
    texts = write_texts(tmp_path / "texts", [(f"{number}", "train", f"profit rose {number}") for number in range(35)])
    encoded, made = watched_encoder(monkeypatch), []
    for name, each in (("here", None), ("there", engine)):
        for folder in (out := tmp_path / name, scratch := tmp_path / f"{name}-scratch"):
            folder.mkdir()
        write_vectors(config, weights, texts, ("train",), out, scratch, engine=each, progress=SILENT)
        made.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert made[0] == made[1]
    assert len(encoded) == 35 + 10  # the first part is not worth a worker


def test_workers_that_are_not_alike_are_refused_in_a_line(
    engine: DaskCluster, running: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (left := tmp_path / ".workers-0000").touch()
    os.utime(left, (0, 0))
    assert engine.check(tmp_path) == f"{running.address}: 2 workers with 2 threads"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnavailableError, match=r"^--runtime\.address tcp://\S+: the worker on .* does not see /proc/self/cwd"):
        engine.check(Path("/proc/self/cwd"))  # another folder for each process
    assert list(tmp_path.iterdir()) == []
    worker = running.start_worker(code=other_code(tmp_path / "other"))
    try:
        wait_for_workers(running, 3)
        what = r"has other code: tasks/prepare/documents\.py; it would not make the same bytes"
        with pytest.raises(UnavailableError, match=what):
            engine.check()
        with pytest.raises(UnavailableError, match=what):
            list(engine.map_ordered(calls.number_and_process, ((number,) for number in range(999))))
    finally:
        running.kill(worker)
        wait_for_workers(running, 2)


def test_what_another_host_has_is_compared_with_what_is_here(tmp_path: Path) -> None:
    libraries = installed()
    ours = own_code(libraries)
    assert "tasks/engine/own_code.py" in ours.files
    assert ours.versions.keys() >= {"numpy", "pyarrow", "distributed", "Python", "processor"}
    assert difference(ours, Code(**ours.plain())) == ""
    older = Code(ours.files, ours.versions | {"numpy": "1.0"})
    assert difference(ours, older) == f"numpy 1.0, and here it is {ours.versions['numpy']}"
    lacks = Code(ours.files, {name: version for name, version in ours.versions.items() if name != "pyarrow"})
    assert difference(ours, lacks) == f"no pyarrow, which is {ours.versions['pyarrow']} here"
    more = Code(ours.files | {f"tasks/x{number}.py": "" for number in range(4)}, ours.versions)
    assert difference(ours, more) == "other code: tasks/x0.py, tasks/x1.py and 2 more files"
    assert answer(tuple(Terms("0" * 64, libraries, "", "")), None)[0] == OTHER_CODE
    assert answer(tuple(Terms(ours.digest, libraries, "", "")), None) == ("done", None)
    marker = tmp_path / "marker"
    marker.write_text("another folder's")
    kind, why = answer(tuple(Terms(ours.digest, libraries, str(marker), "token")), None)
    assert kind == REFUSED
    assert "has another folder at" in why
    assert read_code(libraries) == ours


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"engine": "dask"}, "needs the scheduler's address"),
        ({"address": "tls://host:8786"}, "is for runtime.engine dask"),
        ({"engine": "dask", "address": "tcp://10.0.0.2:8786"}, "whoever reaches the scheduler can run code"),
        ({"engine": "dask", "address": "tcp://workers.example.com:8786"}, "whoever reaches the scheduler can run code"),
        ({"engine": "dask", "address": "http://127.0.0.1:8786"}, "it is not tls://HOST:PORT"),
        ({"engine": "dask", "address": "tls://user:secret@host:8786"}, "it is not tls://HOST:PORT"),
        ({"engine": "dask", "address": "tls://host:99999"}, "it is not tls://HOST:PORT"),
        ({"engine": "dask", "address": "tcp://127.0.0.1:1", "tls_ca": "ca.pem"}, "for an address that begins with tls://"),
        ({"engine": "dask", "address": "tls://host:1", "tls_ca": "ca.pem"}, "tls_cert is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Runtime(**settings)


def test_addresses_of_this_machine_need_no_certificates() -> None:
    for address in ("tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tcp://127.3.2.1:8786"):
        assert Runtime(engine="dask", address=address).address == address


def test_an_address_at_which_nobody_answers_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setattr("tasks.engine.knock.SECONDS", 0.2)
        with pytest.raises(UnavailableError, match=rf"^--runtime\.address tcp://127\.0\.0\.1:{port}: no scheduler answers"):
            knock(f"tcp://127.0.0.1:{port}", None)
    with pytest.raises(
        UnavailableError, match=rf"^--runtime\.address tcp://127\.0\.0\.1:{port} cannot be reached \(Connection"
    ):
        knock(f"tcp://127.0.0.1:{port}", None)


def test_a_command_whose_scheduler_is_not_there_ends_before_its_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    (tmp_path / "texts.txt").write_text("profit rose\n" * 9)
    asked = ["--runtime.engine", "dask", "--runtime.address", f"tcp://127.0.0.1:{port}", "--runtime.data-root", str(tmp_path)]
    scored = run_here("score", str(tmp_path / "texts.txt"), str(tmp_path / "out.parquet"), *asked, variables={})
    assert scored.returncode == 1
    assert "cannot be reached (Connection refused)" in scored.stderr
    assert scored.stderr.count("\n") == 1
    trained = run_here("train", *asked, variables={})
    assert trained.returncode == 1
    assert "cannot be reached (Connection refused)" in trained.stderr
    assert not (tmp_path / "runs").exists()
    insecure = run_here(
        "score", "texts.txt", "out.parquet", "--runtime.engine", "dask", "--runtime.address", "tcp://10.0.0.1:9"
    )
    assert insecure.returncode == 2
    assert "whoever reaches the scheduler can run code" in insecure.stderr
