"""The task that collects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.collect.collect import Collector
from tasks.collect.spool import write_spool
from tasks.forget.forgotten import Forgotten

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.collect.settings import CollectConfig
    from tasks.monitor.transaction import Transaction
    from tasks.progress import Progress


@task(name="collect", task_run_name="collect", cache_policy=NO_CACHE, persist_result=False)
def collect(
    config: CollectConfig, transaction: Transaction, spool: Path, now: float, progress: Progress, forgotten: Path | None = None
) -> dict[str, Any]:
    """Find new documents and lay them out in `spool`; `forgotten` is the list of texts to refuse."""
    collector = Collector(config, transaction, now=now, forgotten=Forgotten.read(forgotten) if forgotten else None)
    rows = write_spool(spool, collector.batches(progress))
    return {"new": rows, **collector.report()}
