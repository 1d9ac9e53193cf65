"""A place where a test may end the process, as a power cut would."""

from __future__ import annotations

import os
import signal

VARIABLE = "TEXTMILL_CRASH_AT"


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if the environment variable TEXTMILL_CRASH_AT is `name`; else do nothing."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
