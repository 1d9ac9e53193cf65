"""The weights step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.step import Run, step
from tasks.weights.says import SHOWN
from tasks.weights.weights import write_weights

if TYPE_CHECKING:
    from tasks.store.artifact import Build
    from tasks.weights.place import WeightsConfig


@step(libraries=("torch", "transformers", "onnx", "onnxruntime", "tokenizers", "safetensors", "numpy"), shown=SHOWN)
def weights(build: Build, config: WeightsConfig, run: Run) -> dict[str, Any]:
    """Bring pretrained weights into the store, verified and in the form that is served."""
    return write_weights(config, build.folder, build.scratch, run.progress_for("weights"))
