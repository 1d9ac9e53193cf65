"""The workers of a Dask cluster, by the executor of Dask's own client (https://distributed.dask.org).

The cluster needs this project's code, and nothing of it is asked to hold texts: a call and its result are bytes that are
scheduled, done and gone. Dask repeats the calls of a worker that is lost. It does not look at which code a worker has, so
every call names what it may be done with; see remote.py. Only this module imports Dask.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import secrets
import time
from collections import deque
from concurrent.futures import CancelledError
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tasks.durable import num_cores
from tasks.engine.address import FLAG, TLS_FLAGS, check_installed
from tasks.engine.knock import Certificates, knock
from tasks.engine.local import LocalPool
from tasks.engine.own_code import Code, difference, installed, own_code
from tasks.engine.remote import DONE, OTHER_CODE, RAISED, Terms, packed, unpacked
from tasks.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from distributed import Client

    from tasks.engine.engine import Arguments

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # between two looks whether the cluster is still there, while a result is waited for
ANSWER_SECONDS = 30.0  # so long a scheduler may say nothing
WORKERS_SECONDS = 60.0  # so long there may be no worker
CLOSE_SECONDS = 5.0
MARKER = ".workers-"
MARKER_SECONDS = 7 * 86400.0  # older ones are of killed commands
MOST_LOST = 3  # times that a call is done again since its answer was lost
REPEAT = "the same command can be repeated, and goes on with the steps that are done"


class _Call(NamedTuple):
    """A call under way, and what its worker answers."""

    function: Callable[..., Any]
    arguments: Arguments
    future: Future[tuple[str, Any]]


class _AnswerLostError(Exception):
    """A worker has answered, and was lost before Dask's executor had noted it."""


class DaskCluster:
    """An engine of as many workers as the cluster at `address` has at the time.

    `files` are certificates for tls://; without them Dask's own settings name some. As many calls as are not worth a worker
    are done by threads of this process.
    """

    elsewhere = True

    def __init__(self, address: str, files: Certificates | None = None) -> None:
        self.address = address
        self._files = files
        self._here = LocalPool(num_cores())
        self._client: Client | None = None
        self._executor: Executor | None = None
        self._keepers = 0
        self._threads: dict[str, int] = {}  # by worker
        self._seen = 0.0  # when there was a worker last

    @property
    def workers(self) -> int:
        """How many calls the cluster runs at once, as far as it is known: 1 before the first connection."""
        return max(1, sum(self._threads.values()))

    def map_ordered(
        self,
        function: Callable[..., T],
        calls: Iterable[Arguments],
        *,
        few: int = 0,
        ready: Arguments | None = None,
        folder: Path | None = None,
    ) -> Iterator[T]:
        """See `Engine`; a worker gets ready with its first call."""
        calls = iter(calls)
        yield from self._here.map_ordered(function, itertools.islice(calls, few), few=few)
        first = next(calls, None)
        if first is None:
            return
        with self.kept(), self._terms(folder) as terms:
            waiting: deque[_Call] = deque()
            try:
                for arguments in itertools.chain([first], calls):
                    waiting.append(self._submitted(terms, function, arguments))
                    while waiting and (waiting[0].future.done() or len(waiting) > 2 * self.workers):
                        yield self._result(terms, waiting.popleft())
                while waiting:
                    yield self._result(terms, waiting.popleft())
            finally:
                _cancel(waiting)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """See `Engine`: the connection stays, and the workers are the cluster's."""
        self._keepers += 1
        try:
            yield
        except BaseException:  # Ctrl-C too, and a caller who wants no more: what is under way is for nobody
            self._disconnect()
            raise
        finally:
            self._keepers -= 1
            if not self._keepers:
                self._disconnect()

    @contextlib.contextmanager
    def started(self, module: str) -> Iterator[None]:
        """See `Engine`: the workers of a cluster run already."""
        yield

    def check(self, folder: Path | None = None, *, look: Arguments | None = None) -> str:
        """See before the work that the cluster is there and every worker may do it; how many there are, in words.

        `folder` is one that each must read and write, `look` a function with its arguments that each calls. RequestError or
        UnavailableError says in one line what is wrong. A worker that is busy or silent is looked at with its first call.
        """
        with self.kept(), self._terms(folder) as terms:
            client, unanswered = self._connected(), 0
            sent = None if look is None else packed(look[0], look[1:])
            asked = {
                worker: client.get_executor(pure=False, workers=[worker]).submit(_textmill_part(), tuple(terms), sent)
                for worker in self._threads
            }
            deadline = time.monotonic() + ANSWER_SECONDS
            for future in asked.values():
                try:
                    answer = self._answer(future, max(0.0, deadline - time.monotonic()), "the look at a worker")
                    self._opened(terms, *answer)
                except (TimeoutError, _AnswerLostError):
                    unanswered += 1
                finally:
                    future.cancel()
            more = f", {unanswered} of them busy or silent" if unanswered else ""
            return f"{self.address}: {len(asked)} workers with {self.workers} threads{more}"

    @contextlib.contextmanager
    def _terms(self, folder: Path | None) -> Iterator[Terms]:
        """What a worker must be like; while the block lasts there is a file in `folder` that it must see."""
        libraries = installed()
        code = own_code(libraries).digest
        if folder is None:
            yield Terms(code, libraries, "", "")
            return
        token = secrets.token_hex(16)
        marker = folder.absolute() / f"{MARKER}{token[:8]}"
        _sweep_markers(folder)
        try:
            marker.write_text(token)
            yield Terms(code, libraries, str(marker), token)
        finally:
            marker.unlink(missing_ok=True)

    def _submitted(self, terms: Terms, function: Callable[..., Any], arguments: Arguments) -> _Call:
        self._connected()
        assert self._executor is not None
        return _Call(function, arguments, self._executor.submit(_textmill_part(), tuple(terms), packed(function, arguments)))

    def _result(self, terms: Terms, call: _Call) -> Any:
        """What a call comes to, once its worker has answered; its error is raised here."""
        lost = 0
        while True:
            try:
                answer = self._answer(call.future, LOOK_SECONDS, str(call.arguments[0]))
            except TimeoutError:
                self._look()
            except _AnswerLostError as error:
                lost += 1
                if lost > MOST_LOST:
                    raise self._failed(error) from None
                call = self._submitted(terms, call.function, call.arguments)
            else:
                return self._opened(terms, *answer)

    def _answer(self, future: Future[tuple[str, Any]], seconds: float, what: str) -> tuple[str, Any]:
        """What a worker answers to `what`; TimeoutError if it takes longer. A call raises nothing there: all else is Dask's.

        _AnswerLostError for one that is to be asked for again: Dask's executor gets the answer and then looks at the status.
        Where the worker is lost in between, it takes the answer, a pair, for the three parts of an error (distributed 2026.8,
        `cfexecutor._cascade_future`).
        """
        from distributed import KilledWorker

        try:
            return future.result(seconds)
        except TimeoutError:
            raise
        except CancelledError:
            raise self._gone() from None
        except KilledWorker:
            raise UnavailableError(
                f"{what}: each worker that worked on it died, most likely for want of memory; give those of {self.address} "
                f"more memory, or fewer threads; {REPEAT}"
            ) from None
        except ValueError as error:
            raise _AnswerLostError(*error.args) from None
        except Exception as error:  # noqa: BLE001 of several libraries; it is told in one line
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"{FLAG} {self.address}: the cluster failed ({_first_line(error)}); {REPEAT}")

    def _opened(self, terms: Terms, kind: str, value: Any) -> Any:
        """The result in an answer; whatever else it is is raised."""
        if kind == DONE:
            return None if value is None else unpacked(value)
        if kind == RAISED:
            raise unpacked(value)
        if kind == OTHER_CODE:
            who = value.pop("who")
            what = difference(own_code(terms.libraries), Code(**value)) or "other code"
            raise UnavailableError(
                f"{FLAG} {self.address}: {who} has {what}; it would not make the same bytes, so nothing is done there: install "
                "the same textmill and libraries on every host, and start the workers again"
            )
        raise UnavailableError(f"{FLAG} {self.address}: {value}")

    def _connected(self) -> Client:
        """The client; connects and waits for a worker, if there is none yet."""
        if self._client is None:
            self._client = _connect(self.address, self._files)
            self._executor = self._client.get_executor(pure=False)
            self._seen = time.monotonic()
            self._look()
            while not self._threads:
                time.sleep(LOOK_SECONDS / 4)
                self._look()
        return self._client

    def _disconnect(self) -> None:
        client, self._client, self._executor = self._client, None, None
        if client is not None:
            with contextlib.suppress(Exception):  # whatever a scheduler that is gone makes of it
                client.close(timeout=CLOSE_SECONDS)

    def _look(self) -> None:
        """Count the workers; UnavailableError if there has been none for long, or if the scheduler says nothing."""
        assert self._client is not None
        try:
            found = self._client.sync(self._client.scheduler.ncores, workers=None, callback_timeout=ANSWER_SECONDS)
        except Exception:  # noqa: BLE001 timeouts and errors of several libraries
            raise self._gone() from None
        now = time.monotonic()
        if found:
            self._seen = now
        elif self._threads or not self._seen:
            log.warning("%s has no worker; waiting %.0f s for one", self.address, WORKERS_SECONDS)
        self._threads = dict(found)
        if now - self._seen > WORKERS_SECONDS:
            raise UnavailableError(
                f"{FLAG} {self.address} has had no worker for {WORKERS_SECONDS:.0f} s; start one with dask worker; {REPEAT}"
            )

    def _gone(self) -> UnavailableError:
        return UnavailableError(f"{FLAG} {self.address}: the scheduler is gone or does not answer; start it again; {REPEAT}")


def _connect(address: str, files: Certificates | None) -> Client:
    """A client of a scheduler that answers."""
    check_installed()
    import dask

    if address.startswith("tls://"):
        files = files or _of_dask()
    knock(address, files)
    from distributed import Client, Security

    for name in ("distributed", "distributed.client", "distributed.comm", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they would say is said here, in one line
    # The parts of a large work are megabytes each, and wait at the scheduler for a moment only.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"})
    security = None
    if files is not None:
        paths = {"tls_ca_file": files.ca, "tls_client_cert": files.cert, "tls_client_key": files.key}
        security = Security(require_encryption=True, **{name: str(path) for name, path in paths.items()})
    try:
        return Client(address, security=security, timeout=ANSWER_SECONDS, set_as_default=False)
    except Exception as error:  # noqa: BLE001 of several libraries; it is told in one line
        raise UnavailableError(f"{FLAG} {address}: the scheduler does not take the connection ({_first_line(error)})") from None


def _of_dask() -> Certificates:
    """The files that Dask's own settings name; RequestError if they name none."""
    import dask

    settings = ("ca-file", "client.cert", "client.key")
    paths = [dask.config.get(f"distributed.comm.tls.{name}", None) for name in settings]
    if None in paths:
        raise RequestError(f"{FLAG} tls:// needs certificates; give {TLS_FLAGS}, or name them in Dask's own settings")
    return Certificates(*map(Path, paths))


def _sweep_markers(folder: Path) -> None:
    """Remove what killed commands left of these files."""
    for left in folder.glob(f"{MARKER}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > MARKER_SECONDS:
                left.unlink()


def _cancel(calls: Iterable[_Call]) -> None:
    for call in calls:
        with contextlib.suppress(Exception):  # of a client that is closed
            call.future.cancel()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


@cache
def _textmill_part() -> Callable[[tuple[Any, ...], bytes | None], tuple[str, Any]]:
    """What is sent to the scheduler: a function without a home, so that neither it nor a worker needs our code to read it."""

    def textmill_part(terms: tuple[Any, ...], sent: bytes | None) -> tuple[str, Any]:
        try:
            from tasks.engine.remote import answer
        except ImportError as error:
            import os
            import socket

            who = f"the worker on {socket.gethostname()} (process {os.getpid()})"
            return "refused", f"{who} has no textmill, or another one ({error}); install the same one on every host"
        return answer(terms, sent)

    return textmill_part
