"""The contract of a run's data: it is checked whenever the run has the data, cached or not, and a broken one ends the run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flows.fetched import source_of
from tasks.expect.contract import broken_by_corpus, broken_by_rows, raise_if_broken
from tasks.ingest.schema import KEPT_PART

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.states import State

    from flows.record import Record
    from tasks.config import PipelineConfig


def check_corpus(record: Record, config: PipelineConfig, ingested: State) -> None:
    """Raise RequestError if what was ingested is not as the section `expect` says."""
    if not config.expect.asks:
        return
    artifact = ingested.result()
    folder = record.run.store.folder(artifact)
    kept = folder / KEPT_PART if config.ingest.keep else None
    unlabelled = [config.ingest.unlabelled] if config.ingest.unlabelled else []
    changed = newest_change(config.ingest.places or unlabelled)
    broken = broken_by_corpus(config.expect, folder, artifact.report, kept=kept, changed=changed, now=time.time())
    raise_if_broken(broken, source_of(config))


def check_rows(record: Record, config: PipelineConfig, prepared: State) -> None:
    """Raise RequestError if the prepared rows are not as the section `expect` says."""
    if not config.expect.asks:
        return
    raise_if_broken(broken_by_rows(config.expect, prepared.result().report), source_of(config))
    record.display.say(f"{'expect':<10} kept              the corpus is as expected")


def newest_change(places: Sequence[Path]) -> float | None:
    """When the newest file of these places changed, in seconds since 1970; None where that is not known."""
    times = [place.stat().st_mtime for place in places if place.is_file()]
    for place in places:
        times += [(Path(folder) / name).stat().st_mtime for folder, _, names in os.walk(place) for name in names]
    return max(times, default=None)
