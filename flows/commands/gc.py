"""`textmill gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import DataRoot, Json, SharedStoreOption
from flows.commands.printing import print_values
from tasks.writable import check_data_root


def gc(
    keep_runs: Annotated[int, typer.Option(min=0, help="Artifacts of this many last runs of each model are kept.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
    data_root: DataRoot = None,
    store: SharedStoreOption = None,
) -> None:
    """Remove artifacts that no recent run used, and what killed builds left."""
    from flows.commands.runtime import runtime_of
    from tasks.store.opened import open_bucket
    from tasks.store.sweep import sweep

    runtime = runtime_of(data_root, store)
    check_data_root(runtime.data_root)
    bucket = None if runtime.store is None else open_bucket(runtime.store)
    done = sweep(runtime.data_root, keep_runs=keep_runs, dry_run=dry_run)
    if bucket is not None:
        from tasks.store.shared.collect import collect

        done["bucket"] = collect(bucket, keep_runs=keep_runs, dry_run=dry_run)
    print_values(done, as_json=as_json)
