"""A server of a model that carries answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.model.serving import TextClassifier
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tasks.replies.carried import write_replies
from tasks.replies.settings import RepliesConfig
from tasks.score.predict import predict_texts
from tasks.score.replies import with_replies
from tasks.serve import replying, versions
from tasks.serve.access_log import Log
from tasks.serve.app import ModelServer
from tasks.serve.settings import ServeSettings
from tasks.serve.versions import Follower, Wanted
from tests.serve.test_inert import Following
from tests.serve.test_promise import asked

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["profit rose, strong growth", "profit loss", "zyxwv", ""]


@pytest.fixture(scope="module")
def answering(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    made, folder = packages[0].parent, tmp_path_factory.mktemp("answering")
    (folder / "answers.csv").write_text("label,answer\npositive,Thank you.\n")
    for name in ("replies", "package"):
        (folder / name).mkdir()
    dataset, texts = made / "prepared" / "dataset", made / "prepared" / "texts"
    config = RepliesConfig(answers=folder / "answers.csv", min_confidence=0.6)
    write_replies(config, made / "model", dataset, texts, folder / "replies")
    write_package(made / "model", dataset, folder / "package", carries=[folder / "replies"])
    return LoadedModel("news", 4, TextClassifier(folder / "package"))


@pytest.fixture
def server(answering: LoadedModel) -> ModelServer:
    return ModelServer(Following(answering), ServeSettings(), Log(None))  # type: ignore[arg-type]


def test_both_paths_answer_as_textmill_predict_does(server: ModelServer, answering: LoadedModel) -> None:
    expected = json.loads(json.dumps(with_replies(answering, TEXTS, predict_texts(answering, TEXTS))))
    assert expected[0]["answer"] == "Thank you."
    assert len(expected[1]["similar"]) == 3
    assert asked(server, "/predict", {"texts": TEXTS})[1]["predictions"] == expected
    assert asked(server, "/invocations", {"inputs": TEXTS})[1]["predictions"] == expected
    status, said = asked(server, "/predict", {"texts": TEXTS, "explain": True})
    assert status == 200
    assert [{name: value for name, value in each.items() if name != "explanation"} for each in said["predictions"]] == expected
    assert said["predictions"][1]["explanation"]["words"]
    assert asked(server, "/predict", {"texts": []})[1]["predictions"] == []


def test_a_long_request_does_not_hold_up_a_short_one(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replying, "SLICE", 2)
    ended: list[int] = []

    async def ask(texts: list[str]) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps({"texts": texts}).encode()}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                ended.append(len(json.loads(message["body"])["predictions"]))

        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [(b"content-type", b"application/json")]}
        await server.app(scope, receive, send)

    async def both() -> None:
        await asyncio.gather(ask(["profit loss"] * 100), ask(["profit loss"]))

    asyncio.run(both())
    assert ended == [1, 100]


def test_answers_are_read_before_the_first_request(answering: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = LoadedModel("news", 4, TextClassifier(answering.model.folder))
    monkeypatch.setattr(versions, "load_version", lambda *_: fresh)
    follower = Follower(_Registry(), Wanted("news", "4"), lambda event, **values: None)  # type: ignore[arg-type]
    follower.start()
    assert "replies" in vars(fresh.model)


class _Registry:
    """A registry of one version."""

    version = 4

    @property
    def registry(self) -> Any:
        return type("Registry", (), {"version": lambda *_: self})()
