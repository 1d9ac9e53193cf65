"""How long a test waits for what must come: so long that only what hangs for ever runs into it, whatever the machine's load.

The same limit holds for each test as a whole (`timeout` in pyproject.toml); commands that a test runs have none of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

HANGS_SECONDS = 3600.0
Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str, *, every: float = 0.1, on: Callable[[], object] = lambda: None) -> Found:
    """Look until there is something, and return it; `on` is called between two looks, to raise if it can come no more."""
    deadline = time.monotonic() + HANGS_SECONDS
    while not (found := look()):
        on()
        assert time.monotonic() < deadline, f"in vain for {what}"
        time.sleep(every)
    return found
