"""The steps of `textmill train` in their own order and with their own store, but without Prefect's server.

What runs is `flows.train.run_steps`; only Prefect's engine around each task is left out.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from prefect.settings import PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings
from prefect.states import State

import tasks.store.step
from flows import prepared, train
from flows.commands.settings import resolve
from tasks.store.artifact import Store
from tasks.store.source import code_digest
from tasks.store.step import Run
from tasks.tracking.client import import_mlflow
from tasks.tracking.opened import open_tracker
from tests.steps import OF_ENCODERS, STEPS, alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from tasks.config import PipelineConfig

KNOBS = [
    *(
        "--finetune.model",
        "bag+mean",
        "--finetune.epochs",
        "2",
        "--finetune.bag.epochs",
        "2",
        "--finetune.network.max-len",
        "16",
    ),
    *("--finetune.threads", "1", "--pretrain.dim", "8", "--pretrain.epoch", "1", "--pretrain.min-count", "1"),
    *("--pretrain.threads", "1", "--pretrain.minn", "3", "--pretrain.maxn", "3", "--pretrain.bucket", "200"),
    *("--align.min-count", "1", "--evaluate.bootstrap", "100", "--runtime.workers", "1"),
]
BAG = [
    *("--finetune.model", "bag", "--finetune.bag.epochs", "2", "--finetune.threads", "1"),
    *("--evaluate.bootstrap", "100", "--evaluate.yardstick", "false", "--runtime.workers", "1"),
]


@contextlib.contextmanager
def warm() -> Iterator[None]:
    """Import what the steps import when they are called, so that children need not; hold on to the code that is imported.

    A process runs the code that it has imported, even if a file is edited meanwhile; so its digest is taken once. A task of
    Prefect's that is called by mistake fails: it would start a server that outlives its trial.
    """
    import_mlflow()
    for name in (
        "tasks.ingest.corpus",
        "tasks.prepare.dataset",
        "tasks.align.matrix",
        "tasks.finetune.train",
        "tasks.evaluate.evaluation",
        "tasks.evaluate.yardstick",
        "tasks.register.package",
        "tasks.model.serving",
        "tasks.register.registration",
        "matplotlib.backends.backend_agg",
        "sqlalchemy.dialects.sqlite",
        "mlflow.store.tracking.sqlalchemy_store",
        "mlflow.pyfunc",
        "gensim.models",
        "jinja2",
        "matplotlib.figure",
    ):
        importlib.import_module(name)
    with (
        mock.patch.object(tasks.store.step, "code_digest", functools.cache(code_digest)),
        temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}),
    ):
        for name in STEPS:
            tasks.store.step.code_digest(getattr(_module_of(name), name).function)
        yield


def _module_of(step: str) -> ModuleType:
    """The module of the flow that calls a step."""
    return train if hasattr(train, step) else prepared


def configured(root: Path, corpus: Path, *knobs: str, base: Sequence[str] = KNOBS) -> PipelineConfig:
    """The configuration of a small run: every step, two models, one thread; or with BAG as the base no more than one needs."""
    return resolve(["--name", "news", "--ingest.path", str(corpus), "--runtime.data-root", str(root), *base, *knobs])


def run(config: PipelineConfig, *, started: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """Run all steps; step -> digest of its artifact, and `decision` and `version` of the registration."""
    root = config.runtime.data_root
    tracker = open_tracker(config.runtime, config.name)
    made: dict[str, Any] = {}

    def note(state: State) -> State:
        made[state.data.step] = state.data.digest
        return state

    def did(step: str, state: State, **_: object) -> None:
        made.update(decision=state.data.decision, version=state.data.version)

    store = Store(root)
    record = SimpleNamespace(
        config=config,
        run=Run(store, started=started),
        note=note,
        settle=lambda settled: settled,
        warn=lambda line: None,
        display=SimpleNamespace(say=lambda line: None),
        skipped=lambda step, reason: None,
        tracker=tracker,
        tracking=None,
        id="none",
        last_ended=0.0,
        did=did,
        trained_on=lambda source, digest: None,
        result={},
    )
    encoders = [name for names in OF_ENCODERS.values() for name in names]
    with contextlib.ExitStack() as stack:
        stack.enter_context(store.reading())
        for name in (*STEPS, *encoders, "folds", "register"):
            stack.enter_context(mock.patch.object(_module_of(name), name, _plain(getattr(_module_of(name), name))))
        train.run_steps(record)  # type: ignore[arg-type]
    tracker.close()
    return made


def _plain(task: Any) -> Callable[..., State]:
    """The function of a task, called as Prefect calls it: states unwrapped, and without the tasks it is to wait for."""
    function = alone(task)

    def called(*given: object, wait_for: object = None, **named: object) -> State:
        return function(*map(_value, given), **{name: _value(value) for name, value in named.items()})

    called.is_stored = getattr(task, "is_stored", None)  # type: ignore[attr-defined]
    return called


def _value(value: object) -> object:
    return value.data if isinstance(value, State) else value
