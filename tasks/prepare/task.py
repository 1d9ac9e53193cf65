"""The prepare step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.model.text.tokenize import TEXT_LIBRARIES
from tasks.prepare.dataset import write_dataset
from tasks.prepare.says import SHOWN
from tasks.store.step import step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.prepare.settings import PrepareConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run


@step(libraries=("numpy", "pyarrow", "scipy", *TEXT_LIBRARIES), shown=SHOWN)
def prepare(build: Build, config: PrepareConfig, run: Run, corpus: Path) -> dict[str, Any]:
    """Clean, tokenize, find duplicates, split."""
    return write_dataset(config, corpus, build.folder, workers=run.workers, progress=run.progress_for("prepare"))
