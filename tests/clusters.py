"""Dask clusters of our own on 127.0.0.1, each process as the command line starts it, and certificates for them by openssl."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tasks.engine.knock import Certificates
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[1]
SECONDS = "--death-timeout=120"  # a worker whose scheduler is gone ends by itself


class Cluster:
    """A scheduler and its workers, each with a working directory of its own below `folder`; a context manager that ends all."""

    def __init__(self, folder: Path, *, files: Certificates | None = None, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.files = files
        self._settings = settings or {}
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def __enter__(self) -> Cluster:
        self.start_scheduler()
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                self.kill(process)

    def start_scheduler(self, port: int = 0) -> None:
        """Start the scheduler and wait until it says where it listens."""
        note = self.folder / f"scheduler-{os.urandom(4).hex()}.json"
        self.scheduler = self._start("scheduler", "--port", str(port), "--scheduler-file", str(note), name="scheduler")

        def told() -> str:
            with contextlib.suppress(OSError, ValueError):
                return str(json.loads(note.read_text())["address"])
            return ""

        self.address = until(told, "the scheduler", on=lambda: self._must_run(self.scheduler))

    def start_worker(
        self, *, code: Path = CHECKOUT, nanny: bool = False, settings: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker of one thread that runs the code in that folder, with these variables in its environment."""
        name = f"worker-{len(self.workers)}"
        own = self.folder / name
        words = ["worker", self.address, "--nworkers", "1", "--nthreads", "1", SECONDS, "--name", name]
        words += ["--local-directory", str(own), *([] if nanny else ["--no-nanny"])]
        self.workers.append(self._start(*words, name=name, code=code, settings=settings))
        return self.workers[-1]

    def said(self, name: str) -> str:
        """What a process wrote to its log."""
        return (self.folder / name / "log.txt").read_text(errors="replace")

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """End a process and its children at once, stopped ones too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @staticmethod
    def children(process: subprocess.Popen[bytes]) -> list[int]:
        """The processes that a nanny watches over."""
        return [child.pid for child in psutil.Process(process.pid).children()]

    def _start(
        self, *words: str, name: str, code: Path = CHECKOUT, settings: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        own = self.folder / name
        own.mkdir(parents=True, exist_ok=True)
        tls = []
        if self.files is not None:
            tls = ["--protocol", "tls", *(word for kind in ("ca", "cert", "key") for word in self._file(kind))]
        environment = {each: value for each, value in os.environ.items() if not each.startswith(("DASK_", "COV_"))}
        environment |= {
            "PYTHONPATH": f"{code}{os.pathsep}{CHECKOUT}",
            "PYTHONWARNINGS": "ignore",
            **self._settings,
            **(settings or {}),
        }
        with (own / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", *tls],
                cwd=own,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _file(self, kind: str) -> tuple[str, str]:
        path = getattr(self.files, kind)
        return f"--tls-{'ca-file' if kind == 'ca' else kind}", str(path)

    def _must_run(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process is not None
        assert process.poll() is None, self.said("scheduler")


def other_code(folder: Path) -> Path:
    """A copy of this project in which a function that tokenizes has another body."""
    shutil.copytree(CHECKOUT / "tasks", folder / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "tasks" / "prepare" / "documents.py"
    path.write_text(path.read_text().replace("_MAX_REJECT_BYTES = 4096", "_MAX_REJECT_BYTES = 4095"))
    return folder


def certificates(folder: Path, name: str = "host", *, authority: str = "authority") -> Certificates:
    """A certificate and a key that an authority has signed, made if it is new: the commands of docs/SCALING.md."""
    ca, ca_key = folder / f"{authority}.pem", folder / f"{authority}.key"
    cert, key, request = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.csr"
    if not ca.exists():
        _openssl("req", "-x509", *_NEW_KEY, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", f"/CN=textmill {authority}")
    _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    _openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert, "-days", "2")
    return Certificates(ca, cert, key)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2, **options: object) -> Iterator[Cluster]:
    """A cluster of so many workers, which have all come when the block begins."""
    with Cluster(folder, **options) as made:  # type: ignore[arg-type]
        for _ in range(workers):
            made.start_worker()
        wait_for_workers(made, workers)
        yield made


def wait_for_workers(made: Cluster, number: int) -> None:
    """Wait until the scheduler knows so many workers."""
    from distributed import Client, Security

    security = None
    if made.files is not None:
        ca, cert, key = map(str, made.files)
        security = Security(require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key)
    with Client(made.address, security=security, set_as_default=False) as client:
        until(lambda: len(client.nthreads()) == number, f"{number} workers")
