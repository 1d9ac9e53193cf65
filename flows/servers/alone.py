"""Have a data root to oneself: no server, run, refresh or collection of garbage uses it meanwhile, nor can one begin."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from flows.servers.pidfile import PidFile
from flows.servers.server import Server
from flows.servers.services import SERVING
from tasks.durable import locked
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tasks.store.artifact import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEAVING_SECONDS = 30.0  # within which the Prefect server of a run that has ended is gone


@contextlib.contextmanager
def alone(data_root: Path, mlflow: Path, *, waiting: Callable[[], object]) -> Iterator[dict[str, MonitorState]]:
    """Hold every lock of a data root, and its monitors open, by name; RequestError in a line says what uses it.

    `waiting` is called once if the Prefect server of a run that has just ended is still there.
    """
    with contextlib.ExitStack() as stack:
        _take(stack, data_root / "services.lock", "textmill up or down is at work")
        pids = PidFile(data_root)
        home = Server(data_root).home
        pids.adopt_prefect(home)
        if running := [name for name in pids.names() if name != SERVING and pids.running(name)]:
            raise RequestError(
                f"{', '.join(running)} of {data_root} run; textmill down first, and textmill up again afterwards"
            )
        stack.enter_context(Store(data_root).exclusive())
        if home.is_dir():
            _take_patiently(stack, home / "users.lock", f"a run is using {home}; try again when it has ended", waiting)
        if mlflow.is_dir():
            _take(stack, mlflow / "mlflow.lock", f"a run is writing to {mlflow}")
        states = {}
        for name in sorted(path.parent.name for path in (data_root / "monitor").glob("*/state.db")):
            try:
                states[name] = stack.enter_context(MonitorState.open(data_root, name, wait=False))
            except BlockingIOError:
                raise RequestError(f"a refresh of {name} is in progress; try again when it has ended") from None
        yield states


def _take(stack: contextlib.ExitStack, path: Path, what: str) -> None:
    try:
        stack.enter_context(locked(path, wait=False))
    except BlockingIOError:
        raise RequestError(f"{what}; try again when it has ended") from None


def _take_patiently(stack: contextlib.ExitStack, path: Path, refused: str, waiting: Callable[[], object]) -> None:
    """Take a lock that a server which leaves still holds."""
    deadline, told = time.monotonic() + LEAVING_SECONDS, False
    while True:
        try:
            stack.enter_context(locked(path, wait=False))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise RequestError(refused) from None
            if not told:
                waiting()
            told = True
            time.sleep(0.2)
        else:
            return
