"""How often a process looks for garbage."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OBJECTS, GENERATIONS = 50_000, 20  # Python's own are 700 and 10


def collect_seldom() -> None:
    """Look for unused objects that hold each other a seventieth as often as Python does by default; to call before imports.

    Libraries make hundreds of thousands of objects as they are imported, and keep them all. Looking through these again and
    again took a sixth of the time in which Prefect's server or a command with torch starts; looking through lists of tokens
    took an eighth of the time of `prepare`. Objects that nothing holds are freed at once as ever.
    """
    gc.set_threshold(OBJECTS, GENERATIONS, GENERATIONS)


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """The same within a block, in a process that is not ours."""
    usual = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
