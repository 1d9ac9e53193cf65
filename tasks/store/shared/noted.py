"""Which buckets a data root has been used with: `forget` and `doctor` look there too, named or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.durable import replaced
from tasks.store.layout import SHARED_WITH, STORE

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.runtime import Runtime


def shared_with(data_root: Path) -> list[str]:
    """The addresses of the buckets that a data root has been used with, and whose conditions were proved then."""
    try:
        return (data_root / STORE / SHARED_WITH).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def addresses_of(runtime: Runtime) -> list[str]:
    """The address that is given, and those of before."""
    return list(dict.fromkeys([*([runtime.store] if runtime.store else []), *shared_with(runtime.data_root)]))


def note_address(data_root: Path, address: str) -> None:
    """Remember a bucket."""
    noted = shared_with(data_root)
    if address in noted:
        return
    (data_root / STORE).mkdir(parents=True, exist_ok=True)
    with replaced(data_root / STORE / SHARED_WITH, flushed=True) as partial:
        partial.write_text("".join(f"{each}\n" for each in [*noted, address]), encoding="utf-8")
