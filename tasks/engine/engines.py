"""The engines that there are, by name. A new one is one file with a class as `Engine` has it, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.durable import num_cores
from tasks.engine.local import LocalPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from tasks.engine.engine import Engine

ENGINES: dict[str, Callable[[int], Engine]] = {"local": LocalPool}
DEFAULT = "local"


def open_engine(workers: int | Literal["auto"] = "auto", name: str = DEFAULT) -> Engine:
    """The engine of that name with so many workers; auto is one for every core that this process may use."""
    return ENGINES[name](num_cores() if workers == "auto" else workers)
