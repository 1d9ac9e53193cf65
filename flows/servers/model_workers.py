"""`textmill serve`: the processes that answer for one model, started, kept, and stopped together."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.servers.guard import ADDRESS
from flows.servers.model_server import BACKLOG, GRACE_SECONDS, Start
from flows.servers.server import USER, Server, login
from tasks.checkout import CHECKOUT
from tasks.durable import PRIVATE, num_cores, replaced
from tasks.errors import RequestError, UnavailableError
from tasks.serve.access_log import Log

if TYPE_CHECKING:
    from tasks.config import ServeConfig

STOPS = (signal.SIGTERM, signal.SIGINT)
WATCHED = (*STOPS, signal.SIGCHLD)
LOOK_SECONDS = 1.0
EARLY_SECONDS = 5.0  # a process that ended sooner after its start is not started again at once
MIN_TOKEN_CHARS = 16


@dataclass
class Worker:
    """One process, and when it was started (time.monotonic)."""

    process: subprocess.Popen[bytes]
    ready: int  # the pipe on which it says that it answers, or why it does not
    started: float
    answered: bool = False

    def said(self) -> dict[str, Any]:
        """What it says on the pipe, once it does or has ended; nothing the second time."""
        if self.answered:
            return {}
        self.answered = True
        with os.fdopen(self.ready, "rb") as pipe:
            found: dict[str, Any] = json.loads(pipe.read() or b"{}")
            return found


def serve(config: ServeConfig, model: str) -> None:
    """Serve a model until SIGTERM or SIGINT. RequestError or UnavailableError if it cannot be started."""
    settings = config.serve
    count = num_cores() if settings.processes == "auto" else settings.processes
    if count > num_cores():
        raise RequestError(f"--serve.processes {count}: there are {num_cores()} cores; give at most one process a core")
    home = Server(config.runtime.data_root).home
    with tempfile.TemporaryDirectory(prefix="textmill-serve-") as meters, _listening(settings.host, settings.port) as listening:
        start = Start(
            model=model,
            data_root=str(config.runtime.data_root),
            tracking_uri=config.runtime.tracking_uri,
            serve=settings.model_dump(mode="json"),
            host=settings.host,
            port=listening.getsockname()[1],
            password_file=_password_file(home, needed=settings.token_file is None),
            token_file=str(settings.token_file or token_file(config.runtime.data_root)),
            listening=listening.fileno(),
            ready=0,
            parent=os.getpid(),
        )
        _check_token(Path(start.token_file))
        Workers(start, count, Path(meters)).run()


class Workers:
    """The processes of one server; they end with this one, however it ends."""

    def __init__(self, start: Start, count: int, meters: Path) -> None:
        self._start, self._count, self._meters = start, count, meters
        self._workers: list[Worker] = []
        self._log = Log(sys.stdout)

    def run(self) -> None:
        """Start all, keep them, and stop them when told to."""
        try:
            self._workers = [self._started() for _ in range(self._count)]
            versions = [self._answer(worker) for worker in self._workers]
            self._tell(versions[0])
            signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
            self._keep()
        finally:
            self._stop()

    def _started(self) -> Worker:
        """Start a process."""
        hears, says = os.pipe()
        start = replace(self._start, ready=says)
        threads = str(max(1, num_cores() // self._count))
        environment = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": threads} | os.environ
        environment |= {"PROMETHEUS_MULTIPROC_DIR": str(self._meters)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        try:
            # A session of its own: Ctrl-C is for this process, which lets the others finish what they are answering.
            process = subprocess.Popen(
                start.command(),
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=(says, start.listening),
                start_new_session=True,
            )
        except BaseException:
            os.close(hears)
            raise
        finally:
            os.close(says)
        return Worker(process, hears, time.monotonic())

    def _answer(self, worker: Worker) -> int:
        """Wait until a process answers; the version that it loaded."""
        said = worker.said()
        if "version" in said:
            return int(said["version"])
        if "error" in said:
            raise (RequestError if said["request"] else UnavailableError)(said["error"])
        raise UnavailableError(f"a process of the server ended at its start (code {worker.process.wait()}); see above")

    def _tell(self, version: int) -> None:
        start = self._start
        host = f"[{start.host}]" if ":" in start.host else start.host
        url = f"http://{host}:{start.port}"
        self._log.write("started", url=url, model=start.model, version=version, processes=self._count)
        who = f"{USER}:PASSWORD, the password is in {start.password_file}; or " if start.password_file else ""
        print(f"serving {start.model}, version {version}, on {url}, by {self._count} processes", file=sys.stderr)  # noqa: T201
        print(f"login    {who}a Bearer token, in {start.token_file}", file=sys.stderr)  # noqa: T201
        print(f"requests {url}/docs; stop with Ctrl-C or SIGTERM", file=sys.stderr, flush=True)  # noqa: T201

    def _keep(self) -> None:
        """Start a process anew that has ended, until a signal says to stop."""
        while True:
            found = signal.sigtimedwait(WATCHED, LOOK_SECONDS)
            if found is not None and found.si_signo in STOPS:
                return
            for number, worker in enumerate(self._workers):
                code = worker.process.poll()
                if code is None or time.monotonic() - worker.started < EARLY_SECONDS:
                    continue
                self._log.write("ended", process=worker.process.pid, code=code, problem=worker.said().get("error"))
                _forget(self._meters, worker.process.pid)
                self._workers[number] = self._started()

    def _stop(self) -> None:
        """Let all finish what they are answering, for a while or until a second signal."""
        running = [worker.process for worker in self._workers]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS + LOOK_SECONDS
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
            found = signal.sigtimedwait(WATCHED, 0.1)
            if found is not None and found.si_signo in STOPS:
                break
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()


def _forget(meters: Path, pid: int) -> None:
    """Have the gauges of a process that has ended count no more; what it has counted stays."""
    for path in meters.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; RequestError if another program does."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
        return made
    except socket.gaierror:
        raise RequestError(f"--serve.host {host!r} is not an address of this machine; give one, such as {ADDRESS}") from None
    except PermissionError as error:  # ports below 1024
        raise RequestError(f"--serve.port {port} may not be used ({error.strerror}); choose one above 1023") from None
    except OSError as error:
        raise RequestError(f"--serve.port {port} cannot be used on {host} ({error.strerror}); choose another") from None


def _password_file(home: Path, *, needed: bool) -> str | None:
    """The file with the servers' password, made if need be; None if it cannot be kept or read and is not needed."""
    path = home / "password"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        login(path)
    except (OSError, RequestError) as error:  # a disk that cannot be written, as a container may have it
        if not needed:
            return None
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"the password cannot be kept in {path} ({error.strerror}); give --serve.token-file FILE") from None
    return str(path)


def token_file(data_root: Path) -> Path:
    """The file with the API token, made at the first start; only its owner may read it. RequestError if it cannot be made."""
    path = data_root / "serve" / "token"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replaced(path, mode=PRIVATE) as partial:
                partial.write_text(secrets.token_urlsafe(32))
    except OSError as error:
        raise RequestError(f"the API token cannot be kept in {path} ({error.strerror}); give --serve.token-file FILE") from None
    return path


def _check_token(path: Path) -> None:
    """RequestError for a file that holds no token worth the name, or that others may read and is not a secret mount."""
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"the API token in {path} cannot be read ({type(error).__name__}); give another file") from None
    if len(token) < MIN_TOKEN_CHARS or not token.isascii() or not token.isprintable() or " " in token:
        raise RequestError(
            f"{path} holds no token of at least {MIN_TOKEN_CHARS} letters, digits and signs of ASCII; write one into it"
        )
