"""Texts in, labels and probabilities out, with ONNX Runtime; without it, `inputs` gives what any other runtime is to be fed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.export.served.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

NETWORK, OUTPUT = "model.onnx", "probabilities"


class OnnxModel(Model):
    """The model of this folder, whose arithmetic is in model.onnx."""

    _session: Any = None

    def inputs(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The inputs of model.onnx for these texts, by name; its output `probabilities` is float32 [N, C]."""
        return self._inputs([self.tokens(text) for text in texts])

    def _inputs(self, documents: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
        made: dict[str, np.ndarray] = {}
        for view in self.views.values():
            made |= view.inputs(documents)
        return made

    def _probabilities(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        if self._session is None:
            import onnxruntime

            self._session = onnxruntime.InferenceSession(str(self.folder / NETWORK), providers=["CPUExecutionProvider"])
        (probabilities_NC,) = self._session.run([OUTPUT], self._inputs(documents))
        found: np.ndarray = probabilities_NC
        return found
