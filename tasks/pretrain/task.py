"""The pretrain step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.pretrain.says import SHOWN
from tasks.pretrain.vectors import train_vectors
from tasks.store.step import Run, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.pretrain.settings import PretrainConfig
    from tasks.store.artifact import Build


@step(libraries=("fasttext-community", "pyarrow", "numpy"), shown=SHOWN)
def pretrain(build: Build, config: PretrainConfig, run: Run, dataset: Path) -> dict[str, Any]:
    """Train word vectors on the corpus' own text."""
    return train_vectors(config, dataset, build.folder, progress=run.progress_for("pretrain"))
