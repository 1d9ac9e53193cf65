"""Get ready what the next step needs while this one leaves a processor idle."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING

from tasks.finetune.uses import libraries_of
from tasks.ingest.task import ingest
from tasks.prepare.pool import started_early
from tasks.prepare.task import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.config import PipelineConfig
    from tasks.store.artifact import Artifact
    from tasks.store.step import Run


@contextlib.contextmanager
def imported_meanwhile(*modules: str) -> Iterator[None]:
    """Import modules in a thread; they are there when the block ends.

    For a block that mostly waits for another process. A module that cannot be imported is left to whoever needs it, who says
    so.
    """

    def import_them() -> None:
        for module in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(module)

    thread = threading.Thread(target=import_them, name="imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextlib.contextmanager
def imports_for_training(config: PipelineConfig, run: Run, corpus: Artifact) -> Iterator[None]:
    """Import what training and the report need while a new corpus is prepared, which mostly other processes do."""
    if prepare.is_stored(run.store, config.prepare, corpus=corpus):
        yield
        return
    torch = ["torch"] if "torch" in libraries_of(config.finetune) else []
    with imported_meanwhile(*torch, *DRAWN_WITH):
        yield


DRAWN_WITH = ("matplotlib.figure", "matplotlib.backends.backend_agg", "jinja2")
MUCH = 16 << 20  # bytes of a corpus in one file; less has too few documents for processes to pay


@contextlib.contextmanager
def processes_for_prepare(config: PipelineConfig, run: Run) -> Iterator[None]:
    """Start the processes that tokenize a large corpus while it is still read: reading takes one processor."""
    place = config.ingest.place
    large = place is not None and place.is_file() and place.stat().st_size >= MUCH
    if not large or run.workers <= 1 or ingest.is_stored(run.store, config.ingest):
        yield
        return
    with started_early(run.workers, "tasks.prepare.documents"):
        yield
