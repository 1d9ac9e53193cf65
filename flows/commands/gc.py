"""`textmill gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import DataRoot, Json
from flows.commands.printing import print_values
from tasks.writable import check_data_root


def gc(
    keep_runs: Annotated[int, typer.Option(min=0, help="Artifacts of this many last runs of each model are kept.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Remove artifacts that no recent run used, and what killed builds left."""
    from flows.commands.runtime import runtime_of
    from tasks.store.sweep import sweep

    root = runtime_of(data_root).data_root
    check_data_root(root)
    print_values(sweep(root, keep_runs=keep_runs, dry_run=dry_run), as_json=as_json)
