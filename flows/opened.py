"""A run of a flow that reads a labelled corpus and is not `train`: it is recorded, and its end too, however it ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.display import Display
from flows.killed import mark_killed
from flows.record import Record, command
from flows.settled import settle_by_champion
from tasks.errors import RequestError
from tasks.register.champion import read_champion
from tasks.store.opened import open_store
from tasks.tracking.opened import open_tracker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.config import PipelineConfig


@contextmanager
def recorded(config: PipelineConfig, *, step_chars: int, as_champion: bool = True) -> Iterator[Record]:
    """Give the record of a run, with `as_champion` its model settled by that; `step_chars` are of its longest step's name."""
    config.finetune.check()
    if config.ingest.only_unlabelled:
        raise RequestError(
            f"--ingest.unlabelled {config.ingest.unlabelled}: these texts have no labels, so no fold of them can be measured; "
            "give --ingest.path too"
        )
    store = open_store(config.runtime)
    tracker = open_tracker(config.runtime, config.name)
    with store.reading(), Display(interval_seconds=config.runtime.log_interval, step_chars=step_chars) as display:
        display.say(command(config))
        mark_killed(store.data_root / "runs", tracker)
        try:
            config = config.model_copy(update={"finetune": config.finetune.only_read()})
            if as_champion:
                config = settle_by_champion(config, read_champion(tracker, config.name), display.say)
            record = Record(config, store, tracker, display)
            try:
                yield record
            except BaseException as error:
                record.failed(error)
                raise
        finally:
            tracker.close()
