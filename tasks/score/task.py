"""The task that scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.collect.spool import read_spool

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.engine.engine import Engine
    from tasks.monitor.transaction import Transaction
    from tasks.progress import Progress
    from tasks.score.stream import Scorer


@task(name="score", task_run_name="score", cache_policy=NO_CACHE, persist_result=False)
def score(scorer: Scorer, spool: Path, transaction: Transaction, engine: Engine, progress: Progress) -> int:
    """Score the collected documents and add them to the monitor's state, or to its quarantine; return how many were scored."""
    scored = scorer.score(read_spool(spool), progress, total=transaction.num_waiting, engine=engine)
    for batch, refused in scored:
        transaction.add(batch, claimed=True)
        transaction.refuse(refused)
    return transaction.scored
