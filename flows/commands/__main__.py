"""The program `textmill`, which is `python -m flows.commands` too."""

from __future__ import annotations

import atexit
import os
from typing import NoReturn

from tasks.garbage import collect_seldom

FAILED = 1  # what Python itself ends with after a traceback


def program() -> NoReturn:
    """Run the command, and end with it.

    Threads are waited for and `atexit` handlers run, as ever. What Python would do after them is left out: it takes a program
    apart that has loaded torch, Prefect and MLflow, for a second or two.
    """
    collect_seldom()
    code = FAILED

    def end() -> None:
        from flows.commands import streams

        streams.finish()
        os._exit(code)

    atexit.register(end)  # before all others, since the first comes last
    from flows.commands.main import main

    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else FAILED
        raise
    raise AssertionError("main ends the program")


if __name__ == "__main__":
    program()
