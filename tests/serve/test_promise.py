"""`max_error` of a request: a label only where the model is sure enough."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tasks.model.abstention import ABSTENTION, Abstention
from tasks.model.serving import TextClassifier
from tasks.register.models import LoadedModel
from tasks.serve.access_log import Log
from tasks.serve.app import ModelServer
from tasks.serve.settings import ServeSettings
from tests.serve.test_inert import Following

SURE, UNSURE = "profit rose, strong growth", "profit rose, loss fell"


def asked(server: ModelServer, path: str, request: dict[str, Any]) -> tuple[int, Any]:
    """Status and body of an answer, without a server around the app."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(request).encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-type", b"application/json")]}
    asyncio.run(server.app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_text_that_is_not_sure_enough_gets_no_label(loaded: LoadedModel, tmp_path: Path) -> None:
    shutil.copytree(loaded.model.folder, tmp_path / "package")
    sure, unsure = (float(loaded.model.probabilities([text]).max()) for text in (SURE, UNSURE))
    assert sure > unsure
    confidence_N = np.repeat([sure, unsure], 200)
    rows = np.stack([confidence_N, 1 - confidence_N], 1).astype(np.float32), np.repeat([0, 1], 200)
    made = Abstention.measured("held", ["negative", "positive"], rows, rows)
    (tmp_path / "package" / ABSTENTION).write_text(json.dumps(made.written()))
    promising = LoadedModel("news", 4, TextClassifier(tmp_path / "package"))
    server = ModelServer(Following(promising), ServeSettings(), Log(None))  # type: ignore[arg-type]
    status, said = asked(server, "/predict", {"texts": [SURE, UNSURE], "max_error": 0.05})
    assert status == 200
    assert [each["label"] for each in said["predictions"]] == ["positive", None]
    assert said["predictions"][1]["reason"] == "uncertain"
    assert said["promise"]["max_error"] == 0.05
    status, said = asked(server, "/invocations", {"inputs": [SURE, UNSURE], "params": {"max_error": 0.05}})
    assert (status, [each["label"] for each in said["predictions"]]) == (200, ["positive", None])
