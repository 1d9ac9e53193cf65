"""The align step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.align.matrix import write_matrix
from tasks.align.says import SHOWN
from tasks.store.step import Run, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.align.settings import AlignConfig
    from tasks.store.artifact import Build


@step(libraries=("pyarrow", "numpy"), shown=SHOWN)
def align(build: Build, config: AlignConfig, run: Run, dataset: Path, vectors: Path | None) -> dict[str, Any]:
    """Give every word of the vocabulary the row that the neural models start from."""
    return write_matrix(config, dataset, vectors, build.folder, progress=run.progress_for("align"))
