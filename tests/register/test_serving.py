"""One real model server, in a process that cannot import the project."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.register.candidate import Candidate
from tasks.register.load import open_package
from tasks.register.models import load_model
from tasks.register.registration import Registrar
from tasks.register.settings import RegisterConfig
from tasks.tracking.tracker import Tracker
from tests.patience import HANGS_SECONDS, until

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tasks", "flows"):
            raise ImportError(name + " is out of reach")

sys.meta_path.insert(0, Blocker())
"""
UNKNOWN = "profits risen"  # neither word was in the training text; parts of both were


@pytest.fixture(scope="module")
def store(train_tiny: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A store whose champion is a bag of n-grams plus averaged embeddings with subwords; and that model."""
    root = tmp_path_factory.mktemp("my root 数据 #1")
    model = train_tiny(root / "work", model="bag+mean")
    tracker = Tracker.open(None, root, root / "checkout", "新闻")
    predictions = root / "predictions.parquet"
    write_predictions(model.corpus / "corpus.parquet", predictions)
    texts = model.prepared / "holdout_texts"
    candidate = Candidate("新闻", model.package, predictions, texts, "h", ("negative", "positive"))
    assert Registrar(tracker, RegisterConfig()).register(candidate).decision == "first"
    return root, model


@pytest.fixture(scope="module")
def url(store: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the model server answers."""
    root, _ = store
    home = tmp_path_factory.mktemp("home")
    (home / "sitecustomize.py").write_text(BLOCKER)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": str(home),
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", "models:/新闻@champion", "--env-manager", "local", "-h", "127.0.0.1"]
    command = [str(Path(sys.executable).parent / command[0]), *command[1:], "-p", str(port)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:

        def ended() -> None:
            assert process.poll() is None, (home / "log").read_text()

        until(lambda: is_up(f"http://127.0.0.1:{port}/ping"), "the endpoint", on=ended)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    "request_",
    [
        {"inputs": ["profit rose, strong growth", "loss fell, weak sales"]},
        {"inputs": [{"text": "profit rose, strong growth"}, {"text": "loss fell, weak sales"}]},
        {"instances": ["profit rose, strong growth", "loss fell, weak sales"]},
        {"dataframe_split": {"columns": ["text"], "data": [["profit rose, strong growth"], ["loss fell, weak sales"]]}},
        {"dataframe_records": [{"text": "profit rose, strong growth"}, {"text": "loss fell, weak sales"}]},
    ],
    ids=["inputs", "inputs of records", "instances", "split", "records"],
)
def test_every_form_of_request_is_answered(url: str, request_: Any) -> None:
    status, answer = post(url, json.dumps(request_))
    assert status == 200, answer
    first, second = answer["predictions"]
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert set(first["probabilities"]) == {"negative", "positive"}
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert first["confidence"] == first["probabilities"]["positive"]


def test_the_server_answers_as_the_trained_model_does_and_unknown_words_count(url: str, store: tuple[Path, Any]) -> None:
    texts = ["profit rose", UNKNOWN]
    model = open_package(store[1].package).TextClassifier(store[1].package)
    expected = [prediction["probabilities"]["positive"] for prediction in model.predict(texts)]
    status, answer = post(url, json.dumps({"inputs": texts}))
    assert status == 200
    served = [prediction["probabilities"]["positive"] for prediction in answer["predictions"]]
    assert served == pytest.approx(expected, abs=1e-6)
    (nothing,) = model.probabilities([""])
    assert served[1] != pytest.approx(nothing[1], abs=1e-4)  # through its subwords it is not like no word at all


def test_a_text_of_which_nothing_is_left_gets_no_label(url: str) -> None:
    status, answer = post(url, json.dumps({"inputs": ["😡", "profit rose", "...", ""]}))
    assert status == 200
    nothing = {"label": None, "confidence": None, "probabilities": None, "reason": "empty_after_cleaning"}
    assert [answer["predictions"][row] for row in (0, 2, 3)] == [nothing] * 3
    assert answer["predictions"][1]["label"] == "positive"
    assert answer["predictions"][1]["reason"] is None


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        ("text\nprofit rose\nloss fell\n", ["positive", "negative"]),
        ('\ufefftext\r\n"profit rose, strong growth"\r\n"loss\nfell"\r\n', ["positive", "negative"]),
        ("id,text\n5,profit rose\nNA,loss fell\n", ["positive", "negative"]),
        ('text\n""\n', [None]),
    ],
    ids=["plain", "quoted", "other columns", "an empty text"],
)
def test_csv_is_answered(url: str, body: str, labels: list[str | None]) -> None:
    status, answer = post(url, body, "text/csv")
    assert status == 200, answer
    assert [prediction["label"] for prediction in answer["predictions"]] == labels


def test_words_that_look_missing_and_numbers_are_texts_in_csv(url: str) -> None:
    status, answer = post(url, "text\nNA\nnull\n5\n", "text/csv")
    assert status == 200, answer
    expected = post(url, json.dumps({"inputs": ["NA", "null", "5"]}))[1]
    assert answer == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("body\nprofit rose\n", "no column 'text'"),
        ("text\nprofit, loss\n", "line 2 of the CSV has 2 cells, the header 1"),
        ('text\n"profit\n', "line 2 of the CSV"),
        ("", "no column 'text'"),
    ],
)
def test_a_bad_csv_is_refused_in_one_line(url: str, body: str, message: str) -> None:
    status, answer = post(url, body, "text/csv")
    assert status == 400
    assert message in answer["message"]
    assert "Traceback" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"inputs": ["a", }', "JSON"),
        ('{"texts": ["a"]}', "inputs"),
        ('{"inputs": [5]}', "row 0: expected a text, got int"),
        ('{"inputs": ["a", 5]}', "row 1: expected a text, got int"),
        ('{"dataframe_records": [{"text": 5}]}', "row 0: expected a text, got int"),
        ('{"dataframe_records": [{"text": "a"}, {"text": null}]}', "row 1: expected a text, got nothing"),
        ('{"dataframe_split": {"columns": ["text"], "data": [[true]]}}', "row 0: expected a text, got bool"),
        ('{"dataframe_records": [{"body": "a"}]}', "text"),
        ('{"inputs": [["a", ["b"]], "c"]}', "row 0: expected a text, got a list"),
        ('{"inputs": ["a", "half \\ud83d"]}', "row 1: half of a character (U+D83D)"),
    ],
)
def test_a_bad_request_is_the_clients_error_and_shows_nothing_of_the_inside(url: str, body: str, message: str) -> None:
    status, answer = post(url, body)
    assert status == 400
    assert message in answer["message"]
    if "row" in message:
        assert "Traceback" not in json.dumps(answer)


def test_serving_leaves_the_registered_files_as_they_are(url: str, store: tuple[Path, Any]) -> None:
    assert post(url, '{"inputs": ["a"]}')[0] == 200
    tracker = Tracker.open(None, store[0], store[0] / "checkout", None)
    assert load_model(tracker, "新闻@champion").version == 1


def post(url: str, body: str, kind: str = "application/json") -> tuple[int, Any]:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=HANGS_SECONDS) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def is_up(ping: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(ping, timeout=60) as answer:
        return bool(answer.status == 200)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_predictions(corpus: Path, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = pq.read_table(corpus).filter(pc.field("split") == "test")
    pq.write_table(pa.table({"id": rows["id"], "label": rows["label"], "correct": [True] * len(rows)}), path)
