"""The one decorator that makes a room's function a cached Prefect task.

    @step(libraries=("pyarrow",), shown=SHOWN)
    def prepare(build: Build, config: PrepareConfig, run: Run, corpus: Path) -> dict: ...

declares how an artifact is built, and how it is shown (see presentation.py). The flow calls
`prepare(run, config.prepare, corpus=state)`: the wrapper computes the key, returns the stored artifact as
`Completed(name="Cached")`, or builds it under the key's lock and returns it as `Completed`. Upstream artifacts reach the
function as their verified folders. A step without settings is a function without `config`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import platform
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.crash import crash_point
from tasks.engine.local import LocalPool
from tasks.errors import RequestError
from tasks.in_use import WAIT
from tasks.progress import SILENT, Progress
from tasks.store.artifact import Artifact, Store, section_values
from tasks.store.digests import canonical, sha256_text
from tasks.store.presentation import PLAIN, Presentation
from tasks.store.source import code_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import BaseModel

    from tasks.engine.engine import Engine

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What every step of one pipeline run shares. None of it can change an artifact's bytes."""

    store: Store
    engine: Engine = field(default_factory=lambda: LocalPool(1))
    progress_for: Callable[[str], Progress] = field(default=lambda step: SILENT)
    started: Callable[[str], None] = field(default=lambda step: None)


def step_key(
    step: str, section: Mapping[str, Any], upstream: Mapping[str, str], code: str, libraries: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """The SHA-256 that an artifact is stored under, and what went into it.

    `upstream` maps a parameter's name to the content digest of the artifact given for it.
    """
    inputs = {"step": step, "config": section, "upstream": upstream, "code": code, "libraries": libraries}
    return sha256_text(canonical(inputs)), inputs


def library_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of what shapes the output, Python's own included."""
    versions = {name: _version(name) for name in names}
    return versions | {"python": ".".join(platform.python_version_tuple()[:2])}


@functools.cache
def _version(library: str) -> str:
    """Found once in a process: each step asks, and the metadata of a library is a file to be parsed."""
    return importlib.metadata.version(library)


@dataclass(frozen=True)
class Choice:
    """What a step chooses from a table: `modules(config, artifacts)` and `libraries(config, artifacts)` name what it uses.

    `table` is the dotted name of a module, empty where libraries alone are chosen. Code and libraries that were not chosen do
    not enter the key. A step may choose from several tables.
    """

    table: str
    modules: Callable[[Any, Mapping[str, Artifact]], Iterable[str]]
    libraries: Callable[[Any, Mapping[str, Artifact]], Iterable[str]]


class Step(Protocol):
    """A task as the flow calls it: with the run, the step's section of the configuration and the States of other steps.

    `function` and `choices` are what the decorator was given.
    """

    name: str
    function: Callable[..., dict[str, Any]]
    choices: tuple[Choice, ...]
    shown: Presentation
    fn: Callable[..., State]

    def __call__(self, run: Run, config: BaseModel | None = None, **upstream: Any) -> State:
        """Compute or find what the step makes."""

    def is_stored(self, store: Store, config: BaseModel | None = None, **upstream: Artifact) -> bool:
        """Whether the store has what the step would make, as far as can be seen without reading it."""


def step(
    *, libraries: tuple[str, ...] = (), choices: tuple[Choice, ...] = (), shown: Presentation = PLAIN
) -> Callable[[Callable[..., dict[str, Any]]], Step]:
    """Make `function(build, config, run, **folders) -> report` a cached Prefect task of the same name."""

    def decorate(function: Callable[..., dict[str, Any]]) -> Step:
        name = function.__name__

        def keyed(store: Store, config: BaseModel | None, artifacts: Mapping[str, Artifact]) -> tuple[str, dict[str, Any]]:
            digests = {parameter: artifact.digest for parameter, artifact in artifacts.items()}
            chosen = {module for choice in choices for module in choice.modules(config, artifacts)}
            code = code_digest(
                function, tables=tuple(choice.table for choice in choices if choice.table), chosen=tuple(sorted(chosen))
            )
            used = {library for choice in choices for library in choice.libraries(config, artifacts)}
            section = section_values(config, store.fingerprints)
            return step_key(name, section, digests, code, library_versions((*libraries, *used)))

        def is_stored(store: Store, config: BaseModel | None = None, **upstream: Artifact) -> bool:
            return store.place(name, keyed(store, config, upstream)[0]).exists()

        def cached(run: Run, config: BaseModel | None = None, **upstream: Artifact | None) -> State:
            store = run.store
            artifacts = {parameter: artifact for parameter, artifact in upstream.items() if artifact is not None}
            key, inputs = keyed(store, config, artifacts)
            with store.locked(name, key):
                artifact = store.find(name, key)
                if artifact is not None:
                    log.info("%s: cached (%s) %s", name, key[:10], shown.says(artifact.report))
                    found = replace(artifact, shown=shown)
                    return Completed(name="Cached", message=f"{name}/{key[:10]} from the store", data=found)
                run.started(name)
                start = time.monotonic()
                folders = {p: None if a is None else store.folder(a) for p, a in upstream.items()}
                with store.building(name, key) as build:
                    report = function(build, *([] if config is None else [config]), run, **folders)
                    crash_point(f"{name}.built")
                    if section_values(config, store.fingerprints) != inputs["config"]:
                        raise RequestError(
                            f"{name}: an input file changed while it was read, so it is still being written; {WAIT}"
                        )
                    artifact = store.commit(build, name, key, report=report, seconds=time.monotonic() - start, inputs=inputs)
            log.info("%s: built in %.1f s (%s) %s", name, artifact.seconds, key[:10], shown.says(artifact.report))
            built = replace(artifact, shown=shown)
            return Completed(message=f"{name}/{key[:10]} built in {artifact.seconds:.1f} s", data=built)

        # Not functools.wraps: Prefect reads the signature, and the flow calls with the wrapper's.
        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(cached, attribute, getattr(function, attribute))
        made = task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False, retries=0)(cached)
        for attribute, value in {"shown": shown, "function": function, "choices": choices, "is_stored": is_stored}.items():
            setattr(made, attribute, value)
        return cast(Step, made)

    return decorate
