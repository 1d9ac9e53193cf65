"""Which code and which libraries a model depends on: those of its kinds, and of no other kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.finetune.settings import FinetuneConfig

TABLE = "tasks.finetune.kinds"


def modules_of(*configs: FinetuneConfig) -> set[str]:
    """Where the code of the kinds begins that these sections name; `auto` may be any."""
    return {module for config in configs for kind in config.kinds or KINDS.values() for module in kind.modules}


def libraries_of(*configs: FinetuneConfig) -> set[str]:
    """The libraries that shape their weights and their answers; those of extras only where their kind is named."""
    automatic = [kind for kind in KINDS.values() if kind.automatic]
    pairs = [(kind, config) for config in configs for kind in config.kinds or automatic]
    return {
        library for kind, config in pairs for library in (*kind.trained_with, *kind.libraries, *kind.also_trained_with(config))
    }


def views_of(names: Iterable[str]) -> list[str]:
    """Where the code of trained views begins."""
    return [KINDS[name].modules[1] for name in names]


def view_libraries(names: Iterable[str]) -> set[str]:
    """The libraries that open and run trained views."""
    return {library for name in names for library in KINDS[name].libraries}
