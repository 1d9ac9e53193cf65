"""What a worker process does before its first call. It imports nothing of the work itself."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading

from tasks.garbage import collect_seldom


def begin() -> None:
    """Leave Ctrl-C to the parent, and exit with it even if it is killed: a worker also holds the pipe that it waits on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def import_module(module: str) -> None:
    """Import a module for later calls; an import that fails is left to the call that needs it."""
    importlib.import_module(module)
