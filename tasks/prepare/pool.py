"""Apply a function to a stream in several processes, results in order."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


def map_ordered(function: Callable[..., T], calls: Iterable[tuple], *, workers: int) -> Iterator[T]:
    """Yield `function(*arguments)` for each of `calls`, in order; with more than one worker, in that many processes.

    Only a few calls are under way at once, so a stream stays a stream. Processes are spawned: a forked one would keep a
    killed parent's locks. Raises RuntimeError if a worker dies (out of memory, killed).
    """
    if workers <= 1:
        for arguments in calls:
            yield function(*arguments)
        return
    pool = _early.pop(workers, None) or _processes(workers)
    waiting: deque[Future[T]] = deque()
    done = False
    try:
        for arguments in calls:
            waiting.append(pool.submit(function, *arguments))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        done = True
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process of prepare died, most likely killed for memory; run again with --runtime.workers 1"
        ) from error
    finally:
        pool.shutdown(wait=not done, cancel_futures=not done)  # processes that have done their work end by themselves


@contextlib.contextmanager
def started_early(workers: int, module: str) -> Iterator[None]:
    """Have the processes of the next `map_ordered` with as many workers start now and import `module`, beside other work.

    Processes that nobody has used by the end of the block are ended.
    """
    pool = _early[workers] = _processes(workers)
    try:
        for _ in range(workers):  # each call starts a process; an import that fails is left to the call that needs it
            pool.submit(_import, module)
        yield
    finally:
        if _early.pop(workers, None) is not None:
            pool.shutdown(cancel_futures=True)


_early: dict[int, ProcessPoolExecutor] = {}  # started and waiting, by the number of processes


def _processes(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_die_with_parent)


def _import(module: str) -> None:
    importlib.import_module(module)


def _die_with_parent() -> None:
    """Leave Ctrl-C to the parent, and exit with it even if it is killed: a worker also holds the pipe that it waits on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
