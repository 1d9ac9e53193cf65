"""Processes that share the imports of this one: two seconds for each of a thousand children would be half an hour.

A child is forked, calls a function and ends; it has its own memory, locks and database connections, as another run has. Whoever
forks must not have used a database, an event loop or threads of torch's before.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from tasks.crash import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

KILLED = -signal.SIGKILL


class Child:
    """A process that calls `function(*arguments)`; use it as a context manager, so that none outlives a trial.

    `result` is what the function returned, a JSON value; `said` is the last line of what it raised.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, crash_at: str = "") -> None:
        self.result: Any = None
        self.said = ""
        self._code: int | None = None
        self._answer, answer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._answer)
            _be(answer, function, arguments, crash_at)
        os.close(answer)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        os.close(self._answer)

    def kill(self) -> int:
        """End it with SIGKILL if it still runs; its exit code."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.set_blocking(self._answer, False)  # a process that it started may hold the other end
            try:
                answer = json.loads(os.read(self._answer, 1 << 16) or b"{}")
            except BlockingIOError:
                answer = {}
            self.result, self.said = answer.get("result"), answer.get("said", "")
        return self._code


def _be(answer: int, function: Callable[..., Any], arguments: tuple[Any, ...], crash_at: str) -> None:
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ[VARIABLE] = crash_at
        logging.disable(logging.ERROR)  # each kill would be told of
        os.write(answer, json.dumps({"result": function(*arguments)}).encode())
        code = 0
    except BaseException as error:  # noqa: BLE001 it must not go on as its parent
        line = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({line.filename.rpartition('/')[2]}:{line.lineno})"
        os.write(answer, json.dumps({"said": said[-2000:]}).encode())
    finally:
        os._exit(code)
