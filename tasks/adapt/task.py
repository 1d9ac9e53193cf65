"""The adapt step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.adapt.says import SHOWN
from tasks.store.step import Run, step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.adapt.settings import AdaptConfig
    from tasks.store.artifact import Build

LIBRARIES = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers", "safetensors", "numpy", "pyarrow")


@step(libraries=LIBRARIES, shown=SHOWN)
def adapt(build: Build, config: AdaptConfig, run: Run, weights: Path, texts: Path) -> dict[str, Any]:
    """Train pretrained weights on with the corpus' own texts; what comes out is used as the weights are."""
    from tasks.adapt.train import train_on  # torch and transformers

    return train_on(config, weights, texts, build.folder, build.scratch, progress=run.progress_for("adapt"))
