"""Named places where a test may end the process with SIGKILL, as a power cut or the kernel's out-of-memory killer would.

    TEXTMILL_CRASH_AT=monitor.uncommitted textmill refresh ...      # the first time that this point is reached
    TEXTMILL_CRASH_AT=monitor.part_named:3 textmill refresh ...     # the third time

A point is called ROOM.WHAT_HAS_JUST_HAPPENED and is where a kill is the most harmful: on both sides of a rename, a commit
or a message. No handler, `finally` or flush runs after it, as they would after an exception in its place. Only this module
reads the variable; without it a point costs a look into the environment, about a microsecond, so none is in a loop over
documents. A name that is never reached kills nothing: a test has to see the exit code -9.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "TEXTMILL_CRASH_AT"

_lock = threading.Lock()
_num_reached = 0


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if the environment variable TEXTMILL_CRASH_AT says `name`, or `name:N` the N-th time."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, number = wanted.partition(":")
    if point != name:
        return
    global _num_reached
    with _lock:  # a point may be reached by several threads
        _num_reached += 1
        if _num_reached == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
