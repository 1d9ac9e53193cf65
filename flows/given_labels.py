"""Labels that people gave beside a corpus, in a run of its name: found by the name, and told of where they test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.ingest.given import CHANGED
from tasks.labels.imports import imports_folder, in_use
from tasks.labels.settings import LabelsConfig
from tasks.labels.task import labels
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.states import State

    from flows.record import Record


def find_labels(record: Record) -> State | None:
    """The labels that hold for the run's name; None where nobody gave any, so that nothing of them is in a key."""
    folder = imports_folder(record.run.store.data_root, record.config.name)
    if not in_use(folder):
        return None
    return record.note(labels(record.run, LabelsConfig(folder=folder)))


def tell_of_test_labels(record: Record, corpus: Path, holdout: Path) -> None:
    """Say how many test rows have another label than the corpus gives them: they change what a model is measured by.

    `corpus` and `holdout` are folders of ingest and of prepare; nothing is said where no labels were joined.
    """
    if not (path := corpus / CHANGED).is_file():
        return
    changed = pq.read_table(path)
    if not len(changed):
        return
    corrected, added = 0, 0
    for batch in iter_batches(holdout, ("test",), ["id"]):
        at = pc.index_in(changed.column("id"), value_set=batch.column("id"))
        rows = changed.filter(pc.is_valid(at))
        added += rows.column("label").null_count
        corrected += len(rows) - rows.column("label").null_count
    record.result["test_labels"] = {"corrected": corrected, "added": added}
    if corrected:
        record.warn(
            f"{corrected:,} test row{'s have labels that were' if corrected != 1 else ' has a label that was'} corrected by "
            "textmill label: models are measured by these from now on, and figures of earlier runs by the labels before"
        )
