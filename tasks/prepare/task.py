"""The prepare step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.prepare.dataset import write_dataset
from tasks.prepare.says import SHOWN
from tasks.prepare.uses import TABLE, text_libraries, text_modules
from tasks.store.step import Choice, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.prepare.settings import PrepareConfig
    from tasks.store.artifact import Artifact, Build
    from tasks.store.step import Run


def _modules(config: PrepareConfig, artifacts: Mapping[str, Artifact]) -> list[str]:
    return text_modules(config.tokenizer)


def _libraries(config: PrepareConfig, artifacts: Mapping[str, Artifact]) -> list[str]:
    return text_libraries(config.tokenizer, config.han)


OF_TOKENIZER = Choice(TABLE, _modules, _libraries)


@step(libraries=("numpy", "pyarrow", "scipy"), choices=(OF_TOKENIZER,), shown=SHOWN)
def prepare(build: Build, config: PrepareConfig, run: Run, corpus: Path) -> dict[str, Any]:
    """Clean, tokenize, find duplicates, split."""
    exchange = run.store.exchange(build, corpus) if run.engine.elsewhere else None
    progress = run.progress_for("prepare")
    return write_dataset(config, corpus, build.folder, engine=run.engine, exchange=exchange, progress=progress)
