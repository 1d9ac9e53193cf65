"""Under load nothing is lost and nothing is wrong: a large refresh beside training, and a model server under hostile fire.

`FAULTS_DOCUMENTS=10000` and `FAULTS_SECONDS=5` make smaller trials of it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.stream import write_stream
from tasks.checkout import CHECKOUT
from tasks.collect.collect import identity
from tasks.documents.times import TimeReader
from tasks.monitor.state import MonitorState
from tests.faults.hostile_requests import MALFORMED, Answer, good_body, post
from tests.faults.limits import Memory, limited, on_cores
from tests.faults.trained import KNOBS, make_corpus
from tests.patience import HANGS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER = 16
PROMISE = (
    "Under load nothing is lost and nothing is wrong: a refresh of a million documents while training runs follow one another,"
    " on 2 cores and in 4 GiB together, stores and scores each document once, and all end well; a registered model behind "
    "`mlflow models serve` answers no text wrongly and outlives every malformed request among them; those get a 4xx, but for "
    "three kinds on which MLflow's own server fails with a 500 before the model sees them"
)
TAKEN_OUT = (
    "the first document of each scored batch not written: 1 of 1 trial with 2,000 documents fails; "
    "the model's check for halves of characters not made: 1 of 1"
)
LIMIT_SECONDS = 2400  # of one trial
FIGURES: list[str] = []  # what the trials of this process measured, for the page

DOCUMENTS = int(os.environ.get("FAULTS_DOCUMENTS", "1000000"))
SECONDS = float(os.environ.get("FAULTS_SECONDS", "60"))
CORES, MEMORY_MB = 2, 4096
CLIENTS, BAD_SHARE = 4, 0.25  # threads that ask at the same time; of their requests, those that are malformed


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Train and register a small model, which both cases use."""
    make_corpus(folder / "news")
    if start(train_command(folder / "root", 1), folder / "root", folder / "train", None).wait():
        raise RuntimeError((folder / "train.err").read_text()[-1000:])
    yield


def refresh_beside_training(source: random.Random, folder: Path) -> str | None:
    """Wrong is a document that is missing, more than once or not scored, a command that fails, and too much memory."""
    root = folder.parent / "root"
    write_stream(folder / "stream.csv", DOCUMENTS)
    with on_cores(CORES), limited(MEMORY_MB << 20) as group, Trainer(root, folder, group) as trainer:
        refresh = start(refresh_command(root, folder / "stream.csv"), root, folder / "refresh", group)
        with Memory(group) as memory:
            code = refresh.wait()
    if code:
        return f"the refresh ended with {code}: {(folder / 'refresh.err').read_text()[-300:]}"
    if trainer.failed:
        return f"training failed beside the refresh: {trainer.failed}"
    told = json.loads((folder / "refresh.out").read_text())
    FIGURES.append(
        f"a refresh of {told['scored']:,} documents took {told['seconds']:.0f} s, and {trainer.ended} training runs ended "
        f"beside it; anonymous memory of all processes at most {memory.peak_mb:,.0f} MB"
        f" ({'held to' if group else 'measured, not held to,'} {MEMORY_MB:,} MB by a control group)"
    )
    if memory.peak_mb > MEMORY_MB:
        return f"{memory.peak_mb:.0f} MB of anonymous memory"
    return lost(told, root, folder / "stream.csv")


def lost(told: dict[str, Any], root: Path, stream: Path) -> str | None:
    """Compare what the refresh says, what counts as seen and what is scored with the documents of the stream."""
    said = {name: told[name] for name in ("found", "scored", "duplicates", "quarantined")}
    if said != {"found": DOCUMENTS, "scored": DOCUMENTS, "duplicates": 0, "quarantined": 0}:
        return f"{said} of {DOCUMENTS}"
    times = TimeReader("UTC", "DMY")
    with stream.open(newline="") as file:
        expected = sorted(identity(times.read(row["when"]).microseconds, row["headline"]) for row in csv.DictReader(file))
    with MonitorState.read(root, "load") as state:
        batches = [batch.to_pydict() for batch in state.documents(columns=["id", "label"])]
        seen = [row[0] for row in state.db.execute("SELECT id FROM documents ORDER BY id")]
    scored = sorted(id_ for batch in batches for id_, label in zip(batch["id"], batch["label"], strict=True) if label)
    for what, ids in (("seen", seen), ("scored", scored)):
        if ids != expected:
            missing = len(set(expected) - set(ids))
            return f"{what}: {len(ids)} documents, {missing} missing, {len(ids) - len(set(ids))} more than once"
    return None


def serve_under_fire(source: random.Random, folder: Path) -> str | None:
    """Wrong is an answer that is not the one `textmill score` gives, a 5xx that is not MLflow's own, and a server that ends."""
    root = folder.parent / "root"
    texts = [path.read_text().strip() for path in sorted((CHECKOUT / "data" / "sample").glob("*/*.txt"))]
    expected = scored(root, texts, folder)
    results: list[Answer] = []
    with served(root, folder) as (process, port):
        deadline = time.monotonic() + SECONDS
        seeds = [source.random() for _ in range(CLIENTS)]
        clients = [threading.Thread(target=fire, args=(port, seed, texts, deadline, results)) for seed in seeds]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if process.poll() is not None:
            return f"the server ended with {process.returncode}"
    return judge(results, expected)


def fire(port: int, seed: float, texts: list[str], deadline: float, results: list[Answer]) -> None:
    """Ask one thing after another until the deadline, good and malformed requests in random order."""
    source = random.Random(seed)
    while time.monotonic() < deadline:
        if source.random() < BAD_SHARE:
            name = source.choice(list(MALFORMED))
            results.append(post(port, name, *MALFORMED[name][:2]))
        else:
            rows = source.sample(range(len(texts)), source.randint(1, 20))
            results.append(post(port, "", "application/json", good_body([texts[row] for row in rows], source), rows))


def judge(results: list[Answer], expected: list[dict[str, float]]) -> str | None:
    """Count what came back; the first thing that is wrong."""
    good = [answer for answer in results if not answer.name]
    bad = [answer for answer in results if answer.name]
    milliseconds = 1000 * np.array([answer.seconds for answer in good])
    statuses = Counter(answer.status for answer in bad)
    FIGURES.append(
        f"`mlflow models serve` under {CLIENTS} clients for {SECONDS:.0f} s: {len(results) / SECONDS:.0f} requests/s, "
        f"{sum(len(answer.rows) for answer in good) / SECONDS:.0f} texts/s, p50 {np.percentile(milliseconds, 50):.0f} ms, "
        f"p99 {np.percentile(milliseconds, 99):.0f} ms of {len(good):,} good requests; {len(bad):,} malformed ones got "
        + ", ".join(f"{status} {count:,} times" for status, count in sorted(statuses.items()))
    )
    for answer in bad:
        if answer.status not in MALFORMED[answer.name][2]:
            return f"{answer.name}: {answer.status} {answer.body[:200]!r}"
    for answer in good:
        if answer.status != 200:
            return f"a good request: {answer.status} {answer.body[:200]!r}"
        told = [prediction["probabilities"] for prediction in json.loads(answer.body)["predictions"]]
        if len(told) != len(answer.rows):
            return f"{len(told)} answers for {len(answer.rows)} texts"
        for row, probabilities in zip(answer.rows, told, strict=True):
            if any(abs(probabilities[label] - value) > 1e-6 for label, value in expected[row].items()):
                return f"text {row}: {probabilities}, not {expected[row]}"
    return None


def scored(root: Path, texts: list[str], folder: Path) -> list[dict[str, float]]:
    """What `textmill score` makes of the texts: probabilities by label."""
    source, output = folder / "texts.jsonl", folder / "scored.parquet"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    command = ["score", str(source), str(output), "--model", "news@champion", "--runtime.data-root", str(root)]
    if start(command, root, folder / "score", None).wait():
        raise RuntimeError((folder / "score.err").read_text()[-1000:])
    return pq.read_table(output, columns=["probabilities"]).column(0).to_pylist()


@contextlib.contextmanager
def served(root: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The champion behind `mlflow models serve`, in a session of its own; its process and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    bin_ = Path(sys.executable).parent
    environment = {
        "PATH": f"{bin_}:/usr/bin:/bin",
        "HOME": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    command = [str(bin_ / "mlflow"), "models", "serve", "-m", "models:/news@champion", "--env-manager", "local"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + HANGS_SECONDS
        while post(port, "ping", "application/json", b'{"inputs": ["a"]}').status != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text()[-1000:])
            time.sleep(0.2)
        yield process, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Trainer:
    """Trains the same corpus with one seed after the other, in a thread, until the block ends; `ended` runs ended well."""

    def __init__(self, root: Path, folder: Path, group: Path | None) -> None:
        self.root, self.folder, self.group = root, folder, group
        self.ended, self.failed = 0, ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._train)

    def __enter__(self) -> Trainer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _train(self) -> None:
        while not self._stopping.is_set() and not self.failed:
            if start(train_command(self.root, 2 + self.ended), self.root, self.folder / "train", self.group).wait():
                self.failed = (self.folder / "train.err").read_text()[-300:]
            else:
                self.ended += 1


def train_command(root: Path, seed: int) -> list[str]:
    """A training run of the corpus beside the data root; another seed makes every step work anew."""
    options = ["--ingest.path", str(root.parent / "news"), "--prepare.seed", str(seed), "--runtime.workers", "1"]
    return ["train", *options, "--runtime.data-root", str(root), *KNOBS]


def refresh_command(root: Path, stream: Path) -> list[str]:
    """The refresh of the stream, with one JSON object on stdout."""
    columns = ["--collect.text", "headline", "--collect.time", "when"]
    model = ["--score.model", "news@champion", "--runtime.data-root", str(root), "--json"]
    return ["refresh", "--collect.source", str(stream), "--collect.name", "load", *columns, *model]


def start(arguments: list[str], root: Path, said: Path, group: Path | None) -> subprocess.Popen[bytes]:
    """Start a command of textmill in the control group, its home and its Prefect server below the root's folder."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))}
    environment |= {"HOME": str(root.parent), "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    enter = f"echo $$ > {group}/cgroup.procs; " if group else ""
    command = ["sh", "-c", f'{enter}exec "$@"', "sh", sys.executable, "-m", "flows.commands", *arguments]
    with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=out, stderr=err, start_new_session=True)


CASES: dict[str, Callable[[random.Random, Path], str | None]] = {
    "a refresh beside training": refresh_beside_training,
    "a model server under fire": serve_under_fire,
}
COUNT = len(CASES)
