"""Import what the next step needs while this one waits for a child process."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def imported_meanwhile(*modules: str) -> Iterator[None]:
    """Import modules in a thread; they are there when the block ends.

    For a block that mostly waits for another process. A module that cannot be imported is left to whoever needs it, who says
    so.
    """

    def import_them() -> None:
        for module in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(module)

    thread = threading.Thread(target=import_them, name="imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
