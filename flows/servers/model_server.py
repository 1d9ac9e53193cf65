"""One process of `textmill serve`: a model's app behind a guard that wants the password or the API token.

    python -m flows.servers.model_server JSON

with what `Start` has. Several such processes listen on one socket, which they have from the process that started them. Each
takes one connection at a time, so that those that have less to do take more, and none is lost while another is started anew.
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
from typing import TYPE_CHECKING, Any

from flows.servers.guard import ADDRESS, Guard, guarded
from tasks.errors import RequestError, UnavailableError
from tasks.garbage import collect_seldom
from tasks.isolation import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SWITCH_SECONDS = 0.0005  # a batch in its thread must not keep short requests waiting for the interpreter
GRACE_SECONDS = 30  # of requests that are being answered when the server is told to stop
BACKLOG = 2048  # connections that wait to be taken
KEEP_ALIVE_SECONDS = 75  # a connection that was idle for less is not closed under a client that is about to use it


@dataclass(frozen=True)
class Start:
    """What a process is told: model, places, the section `serve` as JSON values, the socket, the pipe to say it is ready."""

    model: str
    data_root: str
    tracking_uri: str | None
    serve: dict[str, Any]
    host: str
    port: int
    password_file: str | None
    token_file: str
    listening: int
    ready: int
    parent: int

    def command(self) -> list[str]:
        """The command of the process; no secret is in it."""
        return [sys.executable, "-P", "-m", "flows.servers.model_server", json.dumps(asdict(self))]


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
    listening = socket.socket(fileno=start.listening)
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
        backlog=1,  # asyncio accepts so many connections one after the other
    )

    def listens() -> None:
        listening.listen(BACKLOG)
        _say(start.ready, {"version": loaded.version})

    web.startup = _then(web.startup, listens)
    threading.Thread(target=follow, daemon=True, name="follow").start()
    web.run(sockets=[listening])
    stopping.set()
    server.batcher.close()
    server.replier.close()


def _then(startup: Callable[..., Awaitable[None]], then: Callable[[], object]) -> Callable[..., Awaitable[None]]:
    """A server's `startup` with something to be done after it."""

    async def started(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets=sockets)
        then()

    return started


def _say(pipe: int, values: dict[str, Any]) -> None:
    with os.fdopen(pipe, "w") as file:
        json.dump(values, file)


def main() -> None:
    """Be the process."""
    collect_seldom()
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
