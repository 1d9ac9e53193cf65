"""The hub's protocol, against a server of the test's own: a commit is fetched, a branch refused, other bytes never used."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT
from tasks.weights.hub import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("huggingface_hub", reason="the extra `encoder` is not installed")

COMMIT, FLAG = "0123456789" * 4, "--finetune.encoder.model"
FILES = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": b"weights", "pytorch_model.bin": b"\x80"}
LISTED = hashlib.sha256(FILES["model.safetensors"]).hexdigest()


class Hub:
    """A hub with one model, `desk/tiny`, whose branch main is at COMMIT; `asked` are the files that were loaded."""

    def __init__(self) -> None:
        self.listed, self.asked = LISTED, list[str]()
        hub = self

        class Answers(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                file = path.rpartition("/")[2]
                if path in (f"/api/models/desk/tiny/revision/{name}" for name in (COMMIT, "main")):
                    lfs = {"sha256": hub.listed, "size": 7, "pointerSize": 1}
                    siblings = [
                        {
                            "rfilename": name,
                            "size": len(data),
                            "blobId": "b",
                            **({"lfs": lfs} if name.startswith("model") else {}),
                        }
                        for name, data in FILES.items()
                    ]
                    body = {"id": "desk/tiny", "modelId": "desk/tiny", "sha": COMMIT, "siblings": siblings}
                    self._send(json.dumps(body).encode(), {"Content-Type": "application/json"})
                elif path == f"/desk/tiny/resolve/{COMMIT}/{file}" and file in FILES:
                    if self.command == "GET":
                        hub.asked.append(file)
                    etag = hub.listed if file.startswith("model") else hashlib.sha1(FILES[file]).hexdigest()
                    self._send(FILES[file], {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
                else:
                    self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

            def _send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def test_the_files_of_a_commit_are_fetched_and_no_pickle(hub: Hub, tmp_path: Path) -> None:
    fetch(f"desk/tiny@{COMMIT}", FLAG, tmp_path, SILENT, endpoint=hub.url)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == FILES.keys() - {"pytorch_model.bin"}
    assert "pytorch_model.bin" not in hub.asked


def test_a_branch_is_refused_with_the_commit_to_write(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=f"main is a branch or a tag, which may move; write desk/tiny@{COMMIT}"):
        fetch("desk/tiny@main", FLAG, tmp_path, SILENT, endpoint=hub.url)
    assert hub.asked == []


def test_a_model_that_the_hub_does_not_have_is_refused(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="the hub has no such model or commit; correct it"):
        fetch(f"desk/other@{COMMIT}", FLAG, tmp_path, SILENT, endpoint=hub.url)


def test_other_bytes_than_the_hub_lists_are_never_used(hub: Hub, tmp_path: Path) -> None:
    hub.listed = "0" * 64
    with pytest.raises(UnavailableError, match=r"model.safetensors came with other bytes than the hub lists"):
        fetch(f"desk/tiny@{COMMIT}", FLAG, tmp_path, SILENT, endpoint=hub.url)


def test_without_a_network_a_line_says_what_to_fetch_and_how(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as error:
        fetch(f"desk/tiny@{COMMIT}", FLAG, tmp_path, SILENT, endpoint="http://127.0.0.1:9")
    expected = f"hf download desk/tiny --revision {COMMIT} --local-dir FOLDER, and give {FLAG} FOLDER"
    assert str(error.value).startswith(f"{FLAG} desk/tiny@{COMMIT}: the hub does not answer (")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
