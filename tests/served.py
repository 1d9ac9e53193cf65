"""A registered model of several versions, and a real `textmill serve` of it that tests may ask."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.register.package import write_package
from tasks.register.seal import package_digest
from tasks.tracking.tracker import Tracker
from tests.patience import HANGS_SECONDS, until
from tests.writers import Document, write_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "news"
WORDS = {"negative": ["loss", "fell", "weak", "slump"], "positive": ["profit", "rose", "strong", "growth"]}
FILLER = ["the", "company", "sales", "said", "market", "year", "group"]
HOSTILE = '<script>alert(1)</script>"\n\\ 新闻'  # a label, and a name of one


def package(folder: Path, *, seed: int = 1, model: str = "bag", labels: dict[str, list[str]] | None = None) -> Path:
    """Train a tiny model and package it."""
    for name in ("prepared", "model", "scratch", "package"):
        (folder / name).mkdir(parents=True)
    source, labels = random.Random(seed), labels or WORDS
    documents: list[Document] = []
    for number in range(200):
        label = sorted(labels)[number % len(labels)]
        text = " ".join([*source.choices(FILLER, k=5), *source.sample(labels[label], k=2)])
        documents.append((str(number), text, label, "test" if number % 10 == 9 else "train"))
    write_corpus(folder / "corpus", documents)
    write_dataset(PrepareConfig(near_duplicates=False), folder / "corpus", folder / "prepared")
    dataset = folder / "prepared" / "dataset"
    write_model(FinetuneConfig(model=model, threads=1), dataset, None, folder / "model", folder / "scratch")
    write_package(folder / "model", dataset, folder / "package")
    return folder / "package"


def open_root(root: Path) -> Tracker:
    """The tracker of a data root."""
    return Tracker.open(None, root, root / "checkout", "serving")


def add_version(tracker: Tracker, made: Path, name: str = NAME) -> int:
    """Register a package."""
    return tracker.registry.add_version(name, made, package_digest(made), [], {}, None).version


@dataclass
class Serving:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    token: str
    lines: list[str] = field(default_factory=list)

    def ask(
        self, path: str, body: bytes | None = None, content_type: str | None = "application/json", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request on a connection of its own: a POST if it has a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANGS_SECONDS)
        with contextlib.closing(connection):
            given = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": content_type} if content_type else {})
            connection.request("GET" if body is None else "POST", path, body, given | headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def predict(self, *texts: str, **options: Any) -> dict[str, Any]:
        """What `/predict` says of texts."""
        status, _, body = self.ask("/predict", json.dumps({"texts": texts, **options}).encode())
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def ready(self) -> dict[str, Any]:
        """What `/ready` says."""
        said: dict[str, Any] = json.loads(self.ask("/ready")[2])
        return said

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait()


def command(root: Path, *options: str, model: str = f"{NAME}@champion") -> list[str]:
    """The command that serves the model of a data root on a free port."""
    places = ["--runtime.data-root", str(root), "--serve.port", "0"]
    return [sys.executable, "-m", "flows.commands", "serve", model, *places, *options]


def environment(root: Path) -> dict[str, str]:
    """The environment of a server, with no server of the developer's in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))}
    return kept | {"HOME": str(root.parent), "OMP_WAIT_POLICY": "PASSIVE"}


@contextlib.contextmanager
def serving(root: Path, *options: str, model: str = f"{NAME}@champion", folder: Path | None = None) -> Iterator[Serving]:
    """Serve the model of a data root; stdout goes to `log` in the folder, stderr to `errors`."""
    folder = folder or root
    with (folder / "log").open("w") as log, (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            command(root, *options, model=model), cwd=CHECKOUT, env=environment(root), stdout=log, stderr=errors, text=True
        )
    try:

        def ended() -> None:
            assert process.poll() is None, (folder / "errors").read_text()

        said = until(lambda: events(folder, "started"), "the server", on=ended)[0]
        token = path.read_text() if (path := root / "serve" / "token").exists() else ""
        yield Serving(process, int(said["url"].rpartition(":")[2]), token)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def events(folder: Path, event: str) -> list[dict[str, Any]]:
    """The lines of the log about one kind of event."""
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if line["event"] == event]
