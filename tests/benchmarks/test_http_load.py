"""The requests of the benchmark of servers, and what it says where its load generator is missing."""

import json
import re
import shutil
import sys

import pytest

from benchmarks import http_load
from tasks.serve.request import asked_of_mlflow
from tasks.serve.settings import ServeSettings


@pytest.mark.parametrize("texts", http_load.TEXTS)
def test_each_request_has_as_many_texts_as_it_says(texts: int) -> None:
    script = http_load.script(texts, "word")
    bodies = re.findall(r"\[=====\[(.*)\]=====\]", script)
    assert len(bodies) == http_load.BODIES
    for body in bodies:
        assert len(asked_of_mlflow("application/json", body.encode(), ServeSettings()).texts) == texts
        json.loads(body)
    assert "Bearer word" in script


def test_without_wrk_a_line_says_that_nothing_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["http_load", "--data-root", "x", "--model", "news@champion"])
    assert http_load.main() == 0
    assert json.loads(capsys.readouterr().out) == {"not_measured": "wrk is not installed; apt-get install wrk"}
