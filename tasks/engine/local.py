"""Processes of this machine, by the standard library's pool.

They are spawned: a forked one would keep a killed parent's locks. Each ends with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import sys
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tasks.engine import worker
from tasks.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tasks.engine.engine import Arguments

T = TypeVar("T")
log = logging.getLogger(__name__)

_NO_MAIN = ModuleType("__main__")
_MAIN_LOCK = threading.Lock()  # held while _NO_MAIN stands in for the main module


class _Call(NamedTuple):
    """A call under way: its arguments, and what it comes to."""

    arguments: Arguments
    future: Future[Any]
    here: bool = False  # in this process


class LocalPool:
    """An engine of so many processes; with one worker every call is done here, one after another.

    The first calls are done by threads of this process, and processes start when there are more than few, or early with
    `started`. Threads go on until the first process is ready.
    """

    elsewhere = False

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._readying: list[Future[Any]] = []
        self._keepers = 0

    def map_ordered(
        self,
        function: Callable[..., T],
        calls: Iterable[Arguments],
        *,
        few: int = 0,
        ready: Arguments | None = None,
        folder: Path | None = None,
    ) -> Iterator[T]:
        """See `Engine`; processes of this machine see what this one sees."""
        if self.workers <= 1:
            for arguments in calls:
                yield function(*arguments)
            return
        waiting: deque[_Call] = deque()
        with self.kept(), _threads(self.workers) as threads:
            for number, arguments in enumerate(calls):
                if self._wants_process(number >= few, function, ready):
                    waiting.append(_Call(arguments, self._submit(function, arguments)))
                else:
                    waiting.append(_Call(arguments, threads.submit(function, *arguments), here=True))
                while waiting and (waiting[0].future.done() or self._is_full(waiting)):
                    yield self._result(function, waiting)
            while waiting:
                yield self._result(function, waiting)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """See `Engine`."""
        self._keepers += 1
        try:
            yield
        except BaseException:  # Ctrl-C too, and a caller who wants no more
            self._kill()
            raise
        finally:
            self._keepers -= 1
            if not self._keepers and self._pool is not None:
                self._pool.shutdown(wait=False)  # processes that have done their work end by themselves
                self._pool, self._readying = None, []

    @contextlib.contextmanager
    def started(self, module: str) -> Iterator[None]:
        """See `Engine`. Processes that nobody has used by the end of the block are ended."""
        if self.workers > 1 and self._pool is None:
            self._start(worker.import_module, (module,))
            self._readying = []  # they have been starting for long when the first call comes, which may as well wait for them
        pool = self._pool
        try:
            yield
        finally:
            if self._pool is not None and self._pool is pool:
                self._kill()

    def _wants_process(self, many: bool, function: Callable[..., Any], ready: Arguments | None) -> bool:
        """Whether the next call goes to a process; the processes are started if there are `many` calls."""
        if self._pool is None:
            if not many:
                return False
            self._start(function, ready)
        return self._is_ready()

    def _is_ready(self) -> bool:
        """Whether calls may go to processes."""
        if any(future.done() for future in self._readying):
            self._readying = []
        return not self._readying

    def _is_full(self, waiting: deque[_Call]) -> bool:
        """Whether a call must end before another is taken; waits for one to end or for the first process, if none is ready."""
        if not self._is_ready() and sum(not call.future.done() for call in waiting) >= self.workers:
            wait([waiting[0].future, *self._readying], return_when=FIRST_COMPLETED)
        busy = [call for call in waiting if not call.future.done()]
        here = sum(call.here for call in busy)
        if not self._is_ready():
            return here >= self.workers
        return here > self.workers + 1 or len(busy) - here > self.workers + 1 or len(waiting) > 2 * (self.workers + 2)

    def _start(self, function: Callable[..., Any], ready: Arguments | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=worker.begin)
        if ready is not None:  # each call starts a process
            self._readying = [self._submit(function, ready) for _ in range(self.workers)]

    def _submit(self, function: Callable[..., Any], arguments: Arguments) -> Future[Any]:
        assert self._pool is not None
        # A process that this starts inherits the mask: Ctrl-C must not reach one before it has said that it ignores that. Nor
        # must it run the main module again, which may be a script of a user who knows of no processes.
        with _MAIN_LOCK:
            former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            main, sys.modules["__main__"] = sys.modules["__main__"], _NO_MAIN
            try:
                return self._pool.submit(function, *arguments)
            except BrokenProcessPool as error:  # a worker died since the last call
                future: Future[Any] = Future()
                future.set_exception(error)
                return future
            finally:
                sys.modules["__main__"] = main
                signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def _result(self, function: Callable[..., T], waiting: deque[_Call]) -> T:
        """What the first call comes to; if a process died, each call that was under way is repeated first, alone."""
        call = waiting.popleft()
        try:
            result: T = call.future.result()
        except BrokenProcessPool:
            log.warning("a worker process died; the parts that were under way are done again")
            suspects = [call, *waiting]
            waiting.clear()
            waiting.extend(self._repeated(function, suspects))
            result = waiting.popleft().future.result()
        return result

    def _repeated(self, function: Callable[..., Any], suspects: list[_Call]) -> Iterator[_Call]:
        """The calls of a broken pool, unfinished ones done again in a new one: alone, so that none is blamed for another."""
        broken = [isinstance(call.future.exception(), BrokenProcessPool) for call in suspects]
        self._kill()
        self._start(function, None)
        for call, again in zip(suspects, broken, strict=True):
            if not again:
                yield call
                continue
            future = self._submit(function, call.arguments)
            if isinstance(future.exception(), BrokenProcessPool):
                raise UnavailableError(
                    f"{call.arguments[0]}: the process that works on it died twice, most likely for want of memory; run again "
                    "with fewer --runtime.workers, or give the machine more memory"
                )
            yield _Call(call.arguments, future)

    def _kill(self) -> None:
        """End the processes at once, whatever they do."""
        pool, self._pool, self._readying = self._pool, None, []
        if pool is None:
            return
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


@contextlib.contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads; after an error only what they have begun is waited for."""
    with ThreadPoolExecutor(number, "part") as threads:
        try:
            yield threads
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
