"""What a worker process does before its first call. It imports nothing of the work itself."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import threading

COLLECT_AFTER = 100_000  # new objects; Python's 700 cost an eighth of the time, for it looks at every list of tokens


def begin() -> None:
    """Leave Ctrl-C to the parent, and exit with it even if it is killed: a worker also holds the pipe that it waits on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def import_module(module: str) -> None:
    """Import a module for later calls; an import that fails is left to the call that needs it."""
    importlib.import_module(module)
