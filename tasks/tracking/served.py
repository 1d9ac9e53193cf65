"""How MLflow serves a package: by which code, with which columns in and out. The package's own code says what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = "Quarterly profit rose more than expected."
HERE = Path(__file__).parent
CLASSIFIER = "model.serving"


@dataclass(frozen=True)
class Served:
    """The file that MLflow runs, what makes the model's signature, and an example of a request."""

    code: Path
    signature: Callable[[Path], Any]
    example: list[dict[str, str]]


def served_as(package: Path) -> Served:
    """How a package is served, by the entry that its list of files names."""
    return ENTRIES[json.loads((package / "package.json").read_bytes()).get("entry", CLASSIFIER)]


def _classifier(package: Path) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property, Schema

    from tasks.model.replies import REPLIES  # NumPy, which a list of models does not need

    # A string column would have the server turn the number 5 into the text "5" before the model could refuse it.
    inputs = Schema([ColSpec(AnyType(), "text")])
    answer = {
        "label": DataType.string,
        "confidence": DataType.double,
        "probabilities": Map(DataType.double),
        "reason": DataType.string,
    }
    if (package / REPLIES).is_file():
        parts = {"text": DataType.string, "label": DataType.string, "similarity": DataType.double}
        question = [Property(name, kind) for name, kind in parts.items()]
        question.append(Property("answer", DataType.string, required=False))
        answer |= {"answer": DataType.string, "similar": Array(Object(question))}
    return ModelSignature(inputs, Schema([ColSpec(kind, name, required=False) for name, kind in answer.items()]))


def _language_model(package: Path) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    inputs = Schema([ColSpec(AnyType(), "prompt")])
    answer = {"text": DataType.string, "completion": DataType.string, "tokens": DataType.long, "stopped": DataType.string}
    outputs = Schema([ColSpec(kind, name, required=False) for name, kind in answer.items()])
    whole = {"max_tokens": 100, "top_k": 0, "seed": 0}
    parts = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0}
    params = [ParamSpec(name, DataType.long, value) for name, value in whole.items()]
    params += [ParamSpec(name, DataType.double, value) for name, value in parts.items()]
    return ModelSignature(inputs, outputs, ParamSchema(params))


ENTRIES = {
    CLASSIFIER: Served(HERE / "pyfunc_model.py", _classifier, [{"text": EXAMPLE}]),
    "model.language.serving": Served(HERE / "pyfunc_language.py", _language_model, [{"prompt": EXAMPLE}]),
}
