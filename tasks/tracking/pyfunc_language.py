"""How MLflow serves a language model: this file is logged with the model and runs where it is loaded.

It imports nothing of textmill. `load.py`, which opens the package, comes out of the package itself.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException


class PackagedLanguageModel(mlflow.pyfunc.PythonModel):
    """Prompts in a column `prompt` in; the texts with what follows them out. Parameters say how they go on."""

    def load_context(self, context: Any) -> None:
        """Verify every file of the package and load its own code."""
        folder = Path(context.artifacts["package"])
        digest = (context.model_config or {}).get("package_digest")
        loader = (folder / "load.py").read_bytes()
        if hashlib.sha256(loader).hexdigest() != json.loads((folder / "package.json").read_bytes())["files"]["load.py"]:
            raise MlflowException.invalid_parameter_value(f"{folder / 'load.py'} was changed; the model is not loaded")
        opener = ModuleType("textmill_model_loader")
        exec(compile(loader, str(folder / "load.py"), "exec"), opener.__dict__)  # noqa: S102
        try:
            self._serving = opener.open_package(folder, digest)
        except opener.DamagedPackage as error:
            raise MlflowException.invalid_parameter_value(f"{error}; the model is not loaded") from error
        self._model = self._serving.LanguageModel(folder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Let each prompt go on; what is wrong is said in one line, as a client's error."""
        try:
            sampling = self._serving.sampling_of(params)
            prompts = self._serving.request_prompts(model_input)
        except self._serving.RequestError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        answers = [self._model.generate(prompt, sampling) for prompt in prompts]
        return pd.DataFrame(answers, columns=["text", "completion", "tokens", "stopped"])


mlflow.models.set_model(PackagedLanguageModel())
