"""A Prefect server that the runs of one data root share, and that leaves with the last of them.

Every run holds a shared lock on `<data root>/prefect/users.lock`. The first one starts the server; the server exits once it can
take that lock for itself, which means that no run is left, however it ended (a killed run holds no lock). So concurrent runs
write to one database through one server, a fresh home is migrated once, and nothing stays behind.

This module is imported before Prefect, since Prefect reads its environment at import.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shlex
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from flows.servers.busy import waiting_for_writers
from flows.servers.database import hold_in_background
from flows.servers.guard import serve_guarded
from flows.servers.heartbeat import ENVIRONMENT, give_time
from tasks.durable import PRIVATE, locked, replaced, take
from tasks.errors import RequestError, UnavailableError
from tasks.garbage import collect_seldom
from tasks.processes import Patience, folder_identity, is_of, runs, start_time
from tasks.template import as_migrated, copied_or_made, template_of
from tasks.tracking.kept import read_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

DATABASE_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
POLL_SECONDS = 0.1
USER = "textmill"
MIN_PASSWORD_CHARS = 12
LEAVE_SECONDS = 0.5  # how often the server looks whether anybody is left
GONE_SECONDS = 10.0  # how long the end of a run waits for a server that takes connections and says nothing
LOOK_SECONDS = 5.0  # of one look whether a starting server answers yet
BUSY_SECONDS = 30.0  # a busy server may take that long to answer; one that is gone refuses at once

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # else a "database is locked" traceback at start
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # a lost server is an error, never a second server on the same database
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks,flows",  # the pure modules' log lines reach the UI
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLIENT_MAX_RETRIES": "3",  # bounds how long a run waits for a server that is gone for good
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",  # the store is the only cache
    "PREFECT_CLI_PROMPT": "false",
    **ENVIRONMENT,
}


# A server that lives for one run does not need these: nothing is scheduled on it, nothing is late, no block is stored there.
SPARE = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in ("SCHEDULER", "LATE_RUNS", "FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "REPOSSESSOR", "TRIGGERS")
} | {"PREFECT_API_BLOCKS_REGISTER_ON_START": "false"}


@dataclass(frozen=True)
class Endpoint:
    """Where a Prefect API answers, and the `user:password` it wants, if any."""

    url: str
    auth: str | None = None


class Server:
    """The shared server of one data root; use as a context manager around everything that talks to Prefect.

    `meanwhile` is called while the server starts, with the environment already set: what it imports costs no time of its own.
    `seconds` is how long after its start the server was found to answer; 0 where one was running. `name` names it beyond one
    run: the URL that the user chose, or else the home, since the port of a run's own server is another each time. After the
    block, `lost` is true if the server went away with events and log lines still to be sent: Prefect's threads try each for ten
    seconds.
    With `own` it is the data root's own server, whatever PREFECT_API_URL says.
    """

    def __init__(
        self,
        data_root: Path,
        *,
        timeout: float = 60.0,
        meanwhile: Callable[[], object] = lambda: None,
        own: bool = False,
    ) -> None:
        self.home = Path(os.environ.get("PREFECT_HOME", data_root / "prefect"))
        self.data_root = data_root
        self.timeout = timeout
        self.seconds = 0.0
        self.name = str(self.home)
        self._meanwhile = meanwhile
        self._own = own
        self._users: int | None = None
        self._endpoint: Endpoint | None = None
        self.lost = False
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Endpoint:
        try:
            self._endpoint = self._enter()
            return self._endpoint
        except BaseException:
            self.__exit__()
            raise

    def _enter(self) -> Endpoint:
        self._environment = dict(os.environ)
        configured = None if self._own else configured_endpoint()
        if configured:
            if not answers(configured):
                raise UnavailableError(f"the Prefect server at {configured.url} {what_is_wrong(configured)}")
            self.name = configured.url
            _export(configured)
            self._meanwhile()
            return configured
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._users = os.open(self.home / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        take(self._users, shared=True)
        os.environ.setdefault("PREFECT_HOME", str(self.home))
        with locked(self.home / "start.lock"):
            endpoint = living(self.home, timeout=self.timeout)
            if endpoint is None:
                self._refuse_alone()
                started = launch(self.home)
                _export(started.endpoint)
                self._meanwhile()
                self.seconds = started.wait(timeout=self.timeout)
                return started.endpoint
        _export(endpoint)
        self._meanwhile()
        return endpoint

    def _refuse_alone(self) -> None:
        """UnavailableError where a run's own server would know nothing of what the lasting one keeps in a database."""
        try:
            database = read_kept(self.data_root).database
        except ValueError as error:
            raise RequestError(str(error)) from None
        if database:
            up = f"textmill up --runtime.data-root {shlex.quote(str(self.data_root))}"
            raise UnavailableError(f"the servers of this data root, on {database}, do not run; {up} starts them")

    def __exit__(self, *exc_info: object) -> None:
        self.lost = self._endpoint is not None and not _drain(self._endpoint)
        if self._users is not None:
            os.close(self._users)
        os.environ.clear()
        os.environ.update(self._environment)
        _tell_prefect()


def configured_endpoint() -> Endpoint | None:
    """The server that the user chose: PREFECT_API_URL in the environment, or in the active profile of ~/.prefect."""
    if url := os.environ.get("PREFECT_API_URL"):
        return Endpoint(url, os.environ.get("PREFECT_API_AUTH_STRING"))
    if "PREFECT_HOME" in os.environ:
        return None
    with contextlib.suppress(OSError, RuntimeError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError):
        profiles = tomllib.loads((Path.home() / ".prefect" / "profiles.toml").read_text(encoding="utf-8"))
        profile = profiles["profiles"][os.environ.get("PREFECT_PROFILE", profiles["active"])]
        if url := profile.get("PREFECT_API_URL"):
            return Endpoint(str(url), profile.get("PREFECT_API_AUTH_STRING"))
    return None


def read_endpoint(home: Path) -> Endpoint | None:
    """The endpoint that a running server has written down, if any; not that of the home which this one is a copy of."""
    try:
        written = json.loads((home / "server.json").read_text())
        pid, started = written["process"]
        ours = isinstance(pid, int) and isinstance(started, str) and is_of(home, written.get("folder"))
        return Endpoint(written["url"], written["auth"]) if ours else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def living(home: Path, *, timeout: float) -> Endpoint | None:
    """The endpoint of the server that was written down, once it answers; None if its process is gone.

    A server that is slow, or that a killed run began to start, is waited for: a second one on the same database would lose
    task runs. UnavailableError if it does not answer in time.
    """
    endpoint = read_endpoint(home)
    if endpoint is None:
        return None
    process = json.loads((home / "server.json").read_text())["process"]
    patience = Patience(process[0], timeout)
    while runs(*process):
        if answers(endpoint, timeout=LOOK_SECONDS):
            return endpoint
        if patience.is_over():
            raise UnavailableError(
                f"the Prefect server at {endpoint.url} (process {process[0]}) does not answer; end it first (kill {process[0]})"
            )
        time.sleep(POLL_SECONDS)
    return None


def answers(endpoint: Endpoint, *, path: str = "admin/version", timeout: float = BUSY_SECONDS) -> bool:
    """Whether a Prefect API, or what has a page at `path`, answers there and lets us in."""
    return _status(endpoint, path, timeout) == HTTPStatus.OK


def what_is_wrong(endpoint: Endpoint) -> str:
    """Why a Prefect server is of no use, as the end of a sentence about it."""
    if _status(endpoint, "admin/version", BUSY_SECONDS) == HTTPStatus.UNAUTHORIZED:
        return "wants another password; set PREFECT_API_AUTH_STRING (textmill up says where it is)"
    return "does not answer; start it, or unset PREFECT_API_URL"


def _status(endpoint: Endpoint, path: str, timeout: float) -> int | None:
    """What a server answers with; None if it does not answer."""
    import base64

    # Not httpx: its import takes 0.2 s more, which each `textmill down` and `doctor` would wait for.
    request = urllib.request.Request(f"{endpoint.url.rstrip('/')}/{path}")  # noqa: S310 the user's own server
    if endpoint.auth:
        request.add_header("Authorization", f"Basic {base64.b64encode(endpoint.auth.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, ValueError):  # urllib's own errors are OSErrors
        return None


@dataclass(frozen=True)
class Started:
    """A server that was launched and may not answer yet."""

    endpoint: Endpoint
    process: subprocess.Popen[bytes]
    log_file: Path
    since: float

    def wait(self, *, timeout: float) -> float:
        """Wait until it answers; the seconds since its launch. UnavailableError if it ends or does not answer in time."""
        process, patience = self.process, Patience(self.process.pid, timeout)
        try:
            while not answers(self.endpoint, timeout=LOOK_SECONDS):
                if process.poll() is not None or patience.is_over():
                    ended = process.returncode is not None
                    what = f"exited with {process.returncode}" if ended else "did not answer"
                    what += "" if ended else f", and did nothing for {timeout:.0f} s"
                    process.kill()
                    process.wait()
                    remedy = f"see {self.log_file}, run `textmill doctor`, or raise --runtime.server-timeout"
                    raise UnavailableError(f"the Prefect server {what}; {remedy}")
                time.sleep(POLL_SECONDS)
        finally:
            # Popen's destructor would warn about a child that is meant to outlive it, after an interruption too.
            process.returncode = process.returncode or 0
        return time.monotonic() - self.since


def launch(home: Path, *, port: int | None = None, stay: bool = False, more: Mapping[str, str] | None = None) -> Started:
    """Start a server on 127.0.0.1 and do not wait; the caller holds the start lock and a user's lock until it answers.

    With `stay` it has the UI and all services, and runs until it is stopped instead of leaving with the last run. `more` is set
    in its environment.
    """
    port = port or free_port()
    endpoint = Endpoint(f"http://127.0.0.1:{port}/api", login(home / "password"))
    environment = (
        os.environ
        | QUIET
        | ({} if stay else SPARE)
        | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_API_AUTH_STRING": endpoint.auth or "",
            "PREFECT_API_AUTH_STRING": endpoint.auth or "",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
            "PREFECT_SERVER_UI_ENABLED": "true" if stay else "false",
            # In memory, as by default, a server that restarts forgets which run holds the one slot of a deployment, and
            # never frees it. On disk the lease runs out.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_UI_API_URL": endpoint.url,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]).rstrip(
                ":"
            ),
        }
    )
    environment.pop("PREFECT_API_URL", None)
    environment.update(more or {})
    if "?" in str(home):  # Prefect puts the path into a URL as it is, where a `?` ends it
        environment.setdefault(DATABASE_VARIABLE, f"sqlite+aiosqlite:///file:{quote(str(home))}/prefect.db?uri=true")
    log_file, since = home / "server.log", time.monotonic()
    with private(log_file) as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.servers.server", str(home), str(port), "stay" if stay else "leave"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the run; the server leaves by itself
        )
    # Written before it answers, so that the next run waits for it even if we are killed here.
    identity = [process.pid, start_time(process.pid)]
    try:
        with private(home / "server.json") as file:
            folder = folder_identity(home)
            json.dump({"url": endpoint.url, "auth": endpoint.auth, "process": identity, "stays": stay, "folder": folder}, file)
    except BaseException:  # nobody would find it, and on a full disk it could do nothing
        process.kill()
        process.wait()
        raise
    return Started(endpoint, process, log_file, since)


def login(path: Path) -> str:
    """`user:password` of the servers; the password is in a file that is made once and that only its owner may read.

    RequestError for a file that others may read, or that holds no password worth the name: no server starts with it.
    """
    remedy = f"stop the servers (textmill down) and delete {path}; a new one is made"
    try:
        mode, word = path.stat().st_mode, path.read_text().strip()
    except FileNotFoundError:
        word = secrets.token_urlsafe(24)
        with replaced(path, mode=PRIVATE) as partial:  # a full disk must not leave an empty password
            partial.write_text(word)
        return f"{USER}:{word}"
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"the servers' password cannot be read ({type(error).__name__}); {remedy}") from None
    if mode & 0o077:
        raise RequestError(f"the servers' password may be read by others (mode {mode & 0o777:03o}); {remedy}")
    if len(word) < MIN_PASSWORD_CHARS or not word.isascii():
        raise RequestError(f"the servers' password is shorter than {MIN_PASSWORD_CHARS} characters or not ASCII; {remedy}")
    return f"{USER}:{word}"


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _export(endpoint: Endpoint) -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_API_URL"] = endpoint.url
    if endpoint.auth:
        os.environ["PREFECT_API_AUTH_STRING"] = endpoint.auth
    _tell_prefect()


def _tell_prefect() -> None:
    """Have Prefect read its environment again if it is imported: it would start a temporary server beside ours."""
    if "prefect.context" in sys.modules:
        sys.modules["prefect.context"].refresh_global_settings_context()


def _drain(endpoint: Endpoint) -> bool:
    """Let Prefect's background threads deliver their last events and log lines before the server may leave; False if it did."""
    if "prefect" not in sys.modules:
        return True
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    if not answers(endpoint, timeout=GONE_SECONDS):
        return False
    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=5)
    return True


def private(path: Path, *, append: bool = False) -> TextIO:
    """Open a text file for writing that only its owner may read, whoever could read it before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC), 0o600)
    os.fchmod(descriptor, 0o600)
    return open(descriptor, "a" if append else "w", encoding="utf-8")  # noqa: PTH123


def make_database(home: Path, template: Path) -> None:
    """Give a fresh home its database: a copy of `template`, an empty one of this Prefect version.

    One with this version's schema is not looked through for migrations when the server starts: a second less. PREFECT_HOME
    must be `home`; where the user has named another database, Prefect's own way is left.
    """
    database = home / "prefect.db"
    if any(name.endswith("DATABASE_CONNECTION_URL") for name in os.environ):
        return
    if not database.exists():
        copied_or_made(database, template, _migrate)
    if as_migrated(database, template):
        os.environ.setdefault("PREFECT_SERVER_DATABASE_MIGRATE_ON_START", "false")


def _migrate() -> None:
    """Have Prefect make the database that its settings name; four seconds of a processor."""
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())


def serve(home: Path, port: int, *, stay: bool) -> None:
    """Run the server in this process: until it is stopped, or until no user is left."""
    collect_seldom()
    os.umask(0o077)  # the database holds parameters and logs
    make_database(home, template_of("prefect"))
    from prefect.server.api.server import create_app

    app = waiting_for_writers(create_app())
    server = serve_guarded(app, port=port)  # Prefect asks for the password itself, for its WebSockets too
    users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def leave() -> None:
        server.should_exit = True
        threading.Timer(8.0, os._exit, (0,)).start()

    def leave_when_alone() -> None:
        while True:
            time.sleep(LEAVE_SECONDS)
            with contextlib.suppress(BlockingIOError):
                take(users, wait=False)
                break
        # The lock is kept until this process is gone: a new run waits for it, then starts a server of its own.
        leave()

    if stay:
        hold_in_background(leave)
        asyncio.run(give_time())
    else:
        threading.Thread(target=leave_when_alone, daemon=True).start()
    server.run()
    os._exit(0)  # lingering threads of the server must not hold the lock


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), stay=sys.argv[3] == "stay")
