"""The finetune step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.step import Run, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig
    from tasks.store.artifact import Build


@step(libraries=("torch", "numpy", "pyarrow", "safetensors", "scipy", "fasttext-community"))
def finetune(build: Build, config: FinetuneConfig, run: Run, dataset: Path, aligned: Path | None = None) -> dict[str, Any]:
    """Train the classifier."""
    from tasks.finetune.train import write_model  # torch: two seconds that a run with a stored model need not spend

    return write_model(config, dataset, aligned, build.folder, build.scratch, progress=run.progress_for("finetune"))
