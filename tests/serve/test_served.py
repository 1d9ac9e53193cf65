"""One real server, as its clients meet it."""

import base64
import functools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.checkout import CHECKOUT
from tasks.register.models import LoadedModel
from tasks.score.predict import predict_texts
from tasks.tracking.tracker import Tracker
from tests.faults.hostile_requests import MALFORMED
from tests.patience import until
from tests.served import NAME, Serving, command, environment, events, serving

SECRET = "zebra quagga okapi"  # of a text, which must be nowhere but in answers


@pytest.fixture(autouse=True)
def _first(tracker: Tracker, served: Serving) -> None:
    """Every test begins with version 1."""
    move(tracker, served, 1)


def move(tracker: Tracker, served: Serving, number: int) -> None:
    """Let the champion be a version, and wait until every process answers by it: connections go to any of them."""
    tracker.registry.set_alias(NAME, "champion", number)
    until(lambda: all(served.ready()["version"] == number for _ in range(12)), f"version {number}")


def test_the_answers_are_those_of_textmill_predict(served: Serving, loaded: LoadedModel) -> None:
    texts = ["profit rose", "the loss", "", "zzz"]
    answer = served.predict(*texts)
    assert answer == {"model": {"name": NAME, "version": 1}, "predictions": predict_texts(loaded, texts)}
    status, headers, body = served.ask("/invocations", json.dumps({"inputs": texts}).encode())
    assert (status, headers["x-textmill-model"]) == (200, f"{NAME}/1")
    assert json.loads(body) == {"predictions": answer["predictions"]}
    assert served.predict("profit rose", explain=True)["predictions"][0]["explanation"]["label"] == "positive"


def test_every_malformed_request_gets_a_4xx_with_one_line(served: Serving) -> None:
    for name, (content_type, body, _) in MALFORMED.items():
        for path in ("/invocations",) if name == "unknown key" else ("/invocations", "/predict"):  # it is the other's own
            status, _, answer = served.ask(path, body, content_type)
            assert 400 <= status < 500, (name, path, status, answer)
            said = json.loads(answer)
            assert said.keys() == {"error_code", "message"}
            assert len(said["message"].splitlines()) == 1
    for path, status in (("/nowhere", 404), ("/predict", 405)):
        assert served.ask(path)[0] == status
    assert served.predict("profit rose")["predictions"][0]["label"] == "positive"


def test_a_promise_that_the_model_cannot_make_is_refused_in_a_line(served: Serving) -> None:
    status, _, answer = served.ask("/predict", b'{"text": "profit rose", "max_error": 0.05}')
    assert (status, json.loads(answer)["error_code"]) == (400, "BAD_REQUEST")
    assert json.loads(answer)["message"].startswith("news/1 carries no promise of its error")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(served: Serving) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {served.token}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/metrics", "/docs", "/openapi.json"])
def test_nobody_is_let_in_without_the_login_or_the_token(served: Serving, root: Path, path: str) -> None:
    assert served.ask(path, Authorization="Bearer wrong")[0] == 401
    assert served.ask(path, Origin="http://evil.example")[0] == 403
    assert served.ask(path, Host="evil.example")[0] == 403
    word = (root / "prefect" / "password").read_text()
    basic = base64.b64encode(f"textmill:{word}".encode()).decode()
    assert served.ask(path, Authorization=f"Basic {basic}")[0] in (200, 405)
    assert (root / "serve" / "token").stat().st_mode & 0o077 == 0


def test_probes_need_no_login_and_learn_no_paths(served: Serving) -> None:
    assert served.ask("/ping", Authorization="")[::2] == (200, b"\n")
    assert served.ask("/health", Authorization="")[0] == 200
    status, _, body = served.ask("/ready", Authorization="")
    assert (status, json.loads(body)) == (200, {"ready": True, "current": True})
    assert served.ready() == {
        "ready": True,
        "current": True,
        "model": NAME,
        "follows": "champion",
        "version": 1,
        "wanted": 1,
        "problem": None,
    }


def test_metrics_count_what_all_processes_did(served: Serving) -> None:
    def counted() -> dict[str, float]:
        page = served.ask("/metrics")[2].decode()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")}

    before = counted()
    for _ in range(20):
        served.predict("profit rose", "zzz")
    after = counted()

    def more(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert more('textmill_requests_total{path="/predict",status="200"}') == 20
    assert more('textmill_labels_total{label="positive"}') == more('textmill_labels_total{label=""}') == 20
    assert (more("textmill_batch_texts_sum"), more("textmill_tokens_total"), more("textmill_unseen_tokens_total")) == (
        40,
        60,
        20,
    )
    assert after['textmill_model_version{name="news"}'] == 1


def test_the_log_is_json_lines_and_no_text_is_in_it(root: Path, tmp_path: Path) -> None:
    with serving(root, "--serve.processes", "1", folder=tmp_path) as running:
        running.predict(SECRET)
        running.ask(f"/{SECRET.split()[0]}?text=okapi", json.dumps({"text": SECRET}).encode())
        running.ask("/predict", json.dumps({"text": SECRET, "\x1b[31mred": 1}).encode())
        running.ask("/a%1b[31m%0a{%22event%22:1}")
        until(lambda: len(events(tmp_path, "request")) == 4, "four lines")
        lines = (tmp_path / "log").read_text()
    assert "quagga" not in lines + (tmp_path / "errors").read_text()
    assert "okapi" not in lines
    assert "\x1b" not in lines
    assert [line["status"] for line in events(tmp_path, "request")] == [200, 404, 400, 404]
    assert events(tmp_path, "request")[0] | {"time": "", "ms": 0} == {
        "time": "",
        "event": "request",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "ms": 0,
        "texts": 1,
        "version": 1,
    }


def test_the_alias_moves_under_load_and_no_request_fails(served: Serving, tracker: Tracker) -> None:
    moves: list[tuple[float, int]] = [(time.monotonic(), 1)]
    answers: list[tuple[float, int, dict[str, Any]]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            sent = time.monotonic()
            status, _, body = served.ask("/predict", b'{"texts": ["profit rose", "the loss"]}')
            answers.append((sent, status, json.loads(body)))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for number in (2, 3, 1, 3, 2, 1):
        tracker.registry.set_alias(NAME, "champion", number)
        moves.append((time.monotonic(), number))
        until(functools.partial(answered_by, answers, len(answers), number), f"version {number}")
    stop.set()
    for client in clients:
        client.join()
    assert {status for _, status, _ in answers} == {200}
    assert {each["model"]["version"] for _, _, each in answers} == {1, 2, 3}
    assert all([each["label"] for each in answer["predictions"]] == ["positive", "negative"] for _, _, answer in answers)


def test_a_version_that_fails_to_load_leaves_the_old_one_serving_and_ready_says_so(
    served: Serving, tracker: Tracker, tmp_path: Path
) -> None:
    changed = tracker.registry.verify(tracker.registry.version(NAME, 2)) / "artifacts" / "package" / "labels.json"
    whole = changed.read_bytes()
    changed.write_bytes(whole + b" ")
    try:
        tracker.registry.set_alias(NAME, "champion", 2)
        until(lambda: all(served.ready()["problem"] for _ in range(12)), "the problem")
        said = served.ready()
        assert (said["ready"], said["current"], said["version"], said["wanted"]) == (True, False, 1, 2)
        assert "was changed" in said["problem"]
        assert served.predict("profit rose")["model"]["version"] == 1
        assert 'textmill_model_current{name="news"} 0.0' in served.ask("/metrics")[2].decode()
    finally:
        changed.write_bytes(whole)


@pytest.mark.long
def test_a_process_that_is_killed_is_started_again(root: Path, tmp_path: Path) -> None:
    with serving(root, "--serve.processes", "1", folder=tmp_path) as running:
        time.sleep(5)  # one that ends sooner is not started again at once
        (worker,) = children(running.process.pid)
        os.kill(worker, signal.SIGKILL)
        until(lambda: children(running.process.pid) not in ([], [worker]), "another process")

        def answers() -> bool:
            try:
                return running.predict("profit rose")["model"]["version"] == 1
            except OSError:
                return False

        until(answers, "an answer")
        assert running.stop() == 0


def test_a_stop_lets_requests_be_answered_and_leaves_no_process(root: Path, tmp_path: Path) -> None:
    with serving(root, folder=tmp_path) as running:
        workers = children(running.process.pid)
        answers: list[int] = []
        large = json.dumps({"texts": ["profit rose " * 20] * 10_000}).encode()
        client = threading.Thread(target=lambda: answers.append(running.ask("/predict", large)[0]))
        client.start()
        until(lambda: "textmill_batch_texts_count 0.0" not in running.ask("/metrics")[2].decode(), "its first batch")
        assert running.stop() == 0
        client.join()
    assert answers == [200]
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def run(words: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that comes to its end by itself."""
    return subprocess.run(words, cwd=CHECKOUT, env=environment(root), capture_output=True, text=True, check=False)


def answered_by(answers: list[tuple[float, int, dict[str, Any]]], start: int, number: int) -> bool:
    """Whether one of the answers from `start` on is of a version."""
    return any(said["model"]["version"] == number for _, _, said in answers[start:])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--serve.processes", "1000"], "give at most one process a core"),
        (["--serve.token-file", "/nowhere"], "no such file"),
        (["--serve.prot", "1"], "did you mean --serve.port"),
    ],
)
def test_a_wrong_request_ends_in_one_line_and_2(root: Path, options: list[str], line: str) -> None:
    said = run(command(root, *options), root)
    assert (said.returncode, len(said.stderr.splitlines())) == (2, 1), said.stderr
    assert line in said.stderr


def test_a_model_that_is_not_there_and_a_port_that_is_taken_end_in_one_line(root: Path, served: Serving) -> None:
    for port, model, line in (
        ("0", "films@champion", "no registered model is named 'films'"),
        (str(served.port), f"{NAME}@champion", "cannot be used on 127.0.0.1"),
    ):
        said = run([*command(root, model=model)[:-2], "--serve.port", port], root)
        assert said.returncode == 2
        assert line in said.stderr.splitlines()[-1]
        assert "Traceback" not in said.stderr


def test_nothing_heavy_is_imported_to_serve_n_grams(root: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from flows.servers import model_server
from tasks.checkout import CHECKOUT
from tasks.serve import app, settings, versions
from tasks.serve.access_log import Log
from tasks.tracking import tracker
log = Log(None)
follower = versions.Follower(tracker.open_to_read(None, Path({str(root)!r}), CHECKOUT), versions.wanted("news"), log.write)
follower.start()
app.ModelServer(follower, settings.ServeSettings(), log)
print(sorted({{"torch", "mlflow", "prefect", "pandas", "sklearn", "scipy", "transformers"}} & sys.modules.keys()))
"""
    said = run([command(root)[0], "-c", code], root)
    assert said.stdout.strip() == "[]"
