"""One process of `textmill serve`: a model's app behind a guard that wants the password or the API token.

    python -m flows.servers.model_server JSON

with what `Start` has. Several such processes share the port: each has a socket of its own there, and the kernel hands
connections out among them (SO_REUSEPORT).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.servers.guard import ADDRESS, Guard, guarded
from tasks.errors import RequestError, UnavailableError
from tasks.isolation import die_with_parent

SWITCH_SECONDS = 0.0005  # a batch in its thread must not keep short requests waiting for the interpreter
GRACE_SECONDS = 30  # of requests that are being answered when the server is told to stop
KEEP_ALIVE_SECONDS = 75  # a connection that was idle for less is not closed under a client that is about to use it


@dataclass(frozen=True)
class Start:
    """What a process is told: model, places, the section `serve` as JSON values, and the pipe to say on that it is ready."""

    model: str
    data_root: str
    tracking_uri: str | None
    serve: dict[str, Any]
    host: str
    port: int
    password_file: str | None
    token_file: str
    ready: int
    parent: int

    def command(self) -> list[str]:
        """The command of the process; no secret is in it."""
        return [sys.executable, "-P", "-m", "flows.servers.model_server", json.dumps(asdict(self))]


def bound(host: str, port: int) -> socket.socket:
    """A socket that shares the port with others of ours; OSError if it is another program's."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def run(start: Start) -> None:
    """Load the model, say that it is loaded, and answer until told to stop."""
    from tasks.checkout import CHECKOUT
    from tasks.serve.access import OPEN_PATHS
    from tasks.serve.access_log import Log
    from tasks.serve.app import ModelServer
    from tasks.serve.settings import ServeSettings
    from tasks.serve.versions import Follower, wanted
    from tasks.tracking import tracker

    settings, log = ServeSettings.model_validate(start.serve), Log(sys.stdout)
    reader = tracker.open_to_read(start.tracking_uri, Path(start.data_root), CHECKOUT)
    follower = Follower(reader, wanted(start.model), log.write)
    loaded = follower.start()
    server = ModelServer(follower, settings, log)
    stopping = threading.Event()

    def follow() -> None:
        while not stopping.wait(settings.follow_seconds):
            follower.look()
            server.note_version()

    login = f"textmill:{Path(start.password_file).read_text().strip()}" if start.password_file else ""
    listening = bound(start.host, start.port)
    token = Path(start.token_file).read_text().strip()
    guard = Guard(server.app, port=start.port, login=login, token=token, open_paths=OPEN_PATHS, any_host=start.host != ADDRESS)
    web = guarded(
        guard,
        port=start.port,
        host=start.host,
        http="httptools",  # in C: with h11 a request took a third more of a processor
        lifespan="off",
        ws="none",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=2048,
    )
    listening.listen(2048)
    _say(start.ready, {"version": loaded.version})
    threading.Thread(target=follow, daemon=True, name="follow").start()
    web.run(sockets=[listening])
    stopping.set()
    server.batcher.close()


def _say(pipe: int, values: dict[str, Any]) -> None:
    with os.fdopen(pipe, "w") as file:
        json.dump(values, file)


def main() -> None:
    """Be the process."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the parent waits for signals, and its children inherit that
    start = Start(**json.loads(sys.argv[1]))
    die_with_parent(start.parent)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        run(start)
    except (RequestError, UnavailableError) as error:
        _say(start.ready, {"error": str(error), "request": isinstance(error, RequestError)})
        sys.exit(1)
    os._exit(0)  # a thread that asks a registry which hangs must not keep the process


if __name__ == "__main__":
    main()
