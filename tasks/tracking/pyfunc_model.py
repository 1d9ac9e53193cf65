"""How MLflow serves a package: this file is logged with the model and runs where it is loaded.

It imports nothing of textmill. `load.py`, which opens the package, comes out of the package itself.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.types.schema import AnyType, Schema

COLUMN = "text"
MAX_CELL_CHARS = 100_000_000  # the csv module's own limit is 131,072; the model refuses texts that are too long in a line


class PackagedModel(mlflow.pyfunc.PythonModel):
    """Texts in a column `text` in; label, confidence, probabilities and reason out."""

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
        accept_csv()

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Label each text; an input that is not a text is refused in one line, as a client's error."""
        try:
            texts = self._serving.request_texts(model_input)
        except self._serving.RequestError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        columns, predictions = ["label", "confidence", "probabilities", "reason"], self._model.predict(texts)
        if getattr(self._model, "replies", None) is not None:  # a package of before has no such thing
            columns += ["answer", "similar"]
            predictions = self._model.replied(texts, predictions)
        answers = pd.DataFrame(predictions, columns=columns, dtype=object)
        return answers.where(answers.notna(), None)  # JSON has null, and no NaN


def accept_csv() -> None:
    """Have MLflow's server, if this process is one, read text/csv for a model whose one column may hold anything.

    The server (3.17) asks for the pandas type of each column before it reads a CSV. A column of any type has no such type, and
    with a column of strings the server would turn the number 5, true and null of a JSON request into texts.
    """
    server = sys.modules.get("mlflow.pyfunc.scoring_server")
    if server is None or getattr(server.parse_csv_input, "reads_texts", False):
        return
    theirs = server.parse_csv_input

    def parse_csv_input(csv_input: Any, schema: Schema | None = None) -> pd.DataFrame:
        """A table of texts for a model of textmill; for any other model as MLflow reads it."""
        ours = schema is not None and schema.input_names() == [COLUMN] and isinstance(schema.input_types()[0], AnyType)
        return read_csv(csv_input) if ours else theirs(csv_input, schema=schema)

    parse_csv_input.reads_texts = True  # type: ignore[attr-defined]
    setattr(server, "parse_csv_input", parse_csv_input)  # noqa: B010 mypy knows no module's attribute by name


def read_csv(lines: Any) -> pd.DataFrame:
    """Read a CSV with a header; every cell is a text as it is written, so that NA and 5 stay NA and 5."""
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
        if COLUMN not in header:
            raise MlflowException.invalid_parameter_value(f"the CSV has no column {COLUMN!r}; name it in the first line")
        rows: list[list[str]] = []
        for row in filter(None, reader):
            if len(row) != len(header):
                raise MlflowException.invalid_parameter_value(
                    f"line {reader.line_num} of the CSV has {len(row)} cells, the header {len(header)}; put quotes around texts"
                )
            rows.append(row)
    except csv.Error as error:
        raise MlflowException.invalid_parameter_value(f"line {reader.line_num} of the CSV: {error}") from None
    return pd.DataFrame(rows, columns=header, dtype=object)[[COLUMN]]


mlflow.models.set_model(PackagedModel())
