"""How MLflow serves a package: this file is logged with the model and runs where it is loaded.

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


class PackagedModel(mlflow.pyfunc.PythonModel):
    """Texts in a column `text` in; label, confidence and probabilities out."""

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
        self._model = self._serving.TextClassifier(folder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Label each text; what is no text is refused in one line, as a client's error."""
        try:
            texts = self._serving.request_texts(model_input)
        except self._serving.RequestError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        columns = ["label", "confidence", "probabilities"]
        return pd.DataFrame(self._model.predict(texts), columns=columns)


mlflow.models.set_model(PackagedModel())
