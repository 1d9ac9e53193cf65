"""Get ready what the next step needs while this one leaves a processor idle."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING

from flows.fetched import with_files
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.finetune.uses import libraries_of
from tasks.ingest.settings import refusing
from tasks.ingest.task import ingest
from tasks.prepare.task import prepare
from tasks.pretrain.task import pretrain
from tasks.store.artifact import Store
from tasks.store.source import reachable
from tasks.tracking.client import import_mlflow, open_client
from tasks.tracking.home import tracking_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefect.states import State

    from tasks.config import LanguageConfig
    from tasks.store.artifact import Artifact
    from tasks.store.step import Run


# The words around a word, and the yardstick.
MEASURED_WITH = ("gensim.models", "sklearn.feature_extraction.text", "sklearn.linear_model")
DRAWN_WITH = ("matplotlib.figure", "matplotlib.backends.backend_agg", "jinja2")
MUCH = 16 << 20  # bytes of a corpus in files; less has too few documents for processes to pay


def make_ready(config: PipelineConfig | LanguageConfig, flow: Path) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start: nothing of it is done twice.

    `flow` is the module of the flow. MLflow's client, whose import takes seconds, is got ready only for a run that will surely
    register something, since it reads its corpus for the first time. Where other steps are built anew, it is opened when the
    model is registered.
    """
    store = Store(config.runtime.data_root)
    reachable({flow})  # each module is read once in a process
    home = tracking_home(config.runtime.tracking_uri, config.runtime.data_root, CHECKOUT)
    with contextlib.suppress(RequestError):  # the run says it
        section = with_files(config).ingest if isinstance(config, PipelineConfig) else config.ingest
        if home.is_server or not ingest.is_stored(store, refusing(section, store.data_root)):
            import_mlflow()
    if home.database is not None and not home.database.exists():
        open_client(home)


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
    """Import what training and the report need while a new corpus is prepared, which mostly other processes do.

    Where the model is yet to be chosen, a small corpus will have one that needs no torch. Where word vectors are to be trained,
    there is more time for it while that is done.
    """
    if trains_vectors(config) or prepare.is_stored(run.store, config.prepare, corpus=corpus):
        yield
        return
    will_need = "torch" in libraries_of(config.finetune) and (bool(config.finetune.kinds) or _is_large(config))
    torch = ["torch"] if will_need else []
    with imported_meanwhile(*torch, *DRAWN_WITH):
        yield


def trains_vectors(config: PipelineConfig) -> bool:
    """Whether the run has fastText train word vectors, if it has not yet; not where the model is still to be chosen."""
    return config.finetune.needs_vectors and config.pretrain.enabled and not config.align.vectors


@contextlib.contextmanager
def imports_beside_vectors(config: PipelineConfig, run: Run, dataset: Artifact) -> Iterator[None]:
    """Import what training, the yardstick and the report need while fastText trains word vectors, which is another process."""
    if pretrain.is_stored(run.store, config.pretrain, dataset=dataset):
        yield
        return
    with imported_meanwhile("torch", *MEASURED_WITH, *DRAWN_WITH):
        yield


@contextlib.contextmanager
def processes_for_prepare(config: PipelineConfig, run: Run, labels: State | None = None) -> Iterator[None]:
    """Start the processes that tokenize a large corpus while it is still read: reading takes one processor."""
    beside = {} if labels is None else {"labels": labels.result()}
    spread = _is_large(config) and run.engine.workers > 1
    if not spread or ingest.is_stored(run.store, refusing(config.ingest, run.store.data_root), **beside):
        yield
        return
    with run.engine.started("tasks.prepare.partitions"):
        yield


def _is_large(config: PipelineConfig) -> bool:
    return sum(place.stat().st_size for place in config.ingest.places if place.is_file()) >= MUCH
