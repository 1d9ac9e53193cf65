"""Apply a function to a stream in several processes, results in order."""

from __future__ import annotations

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
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_die_with_parent)
    waiting: deque[Future[T]] = deque()
    try:
        for arguments in calls:
            waiting.append(pool.submit(function, *arguments))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process of prepare died, most likely killed for memory; run again with --runtime.workers 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _die_with_parent() -> None:
    """Leave Ctrl-C to the parent, and exit with it even if it is killed: a worker also holds the pipe that it waits on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
