from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tasks.errors import RequestError
from tasks.ingest.download import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 8000
MD5 = hashlib.md5(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY; `cuts` bytes at most in each of the first answers, `ranges` says whether Range is understood."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int] = []
        self.ranges = True
        self.status = 200
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/corpus.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(BODY)
        self.wfile.write(BODY[start : start + cut])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server: Server, target: Any, **options: Any) -> Any:
    return download(server.url, target, **{"md5": MD5, "pause_seconds": 0.0, **options})


def test_a_cut_connection_is_resumed_where_it_ended(tmp_path: Path, server: Server) -> None:
    server.cuts = [500_000, 300_000]
    seen: list[tuple] = []

    class Watch:
        def advance(self, done: int, total: int, unit: str, note: str = "") -> None:
            seen.append((done, total, unit))

        def log(self, metrics: dict[str, float], at: int) -> None:
            raise AssertionError

    target = fetch(server, tmp_path / "raw" / "corpus.tar.gz", progress=Watch())
    assert target.read_bytes() == BODY
    assert server.asked == [None, "bytes=500000-", "bytes=800000-"]
    assert seen[-1] == (len(BODY), len(BODY), "bytes")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert not list(tmp_path.glob("raw/*.part"))


def test_a_later_run_goes_on_and_one_after_it_asks_nothing(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.part").write_bytes(BODY[:1_000_000])
    fetch(server, tmp_path / "c")
    fetch(server, tmp_path / "c")
    assert server.asked == ["bytes=1000000-"]


def test_a_part_that_is_whole_already(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.part").write_bytes(BODY)
    assert fetch(server, tmp_path / "c").read_bytes() == BODY


def test_a_server_without_ranges_starts_over(tmp_path: Path, server: Server) -> None:
    server.ranges = False
    (tmp_path / "c.part").write_bytes(b"old" * 1000)
    assert fetch(server, tmp_path / "c").read_bytes() == BODY


def test_wrong_bytes_are_never_used(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.part").write_bytes(b"x" * 1000)
    with pytest.raises(RequestError, match=f"expected {MD5}"):
        fetch(server, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    assert fetch(server, tmp_path / "c").read_bytes() == BODY


def test_a_damaged_copy_is_replaced(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c").write_bytes(BODY[:-1])
    assert fetch(server, tmp_path / "c").read_bytes() == BODY


def test_an_answer_of_no_leads_to_a_clear_error_at_once(tmp_path: Path, server: Server) -> None:
    server.status = 404
    with pytest.raises(RequestError, match=r"404.*--ingest\.archive FILE"):
        fetch(server, tmp_path / "c")
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_a_few_times(tmp_path: Path, server: Server) -> None:
    server.status = 503
    with pytest.raises(RequestError, match="503"):
        fetch(server, tmp_path / "c", attempts=3)
    assert len(server.asked) == 3


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be downloaded"):
        download("http://127.0.0.1:9/x", tmp_path / "c", md5=MD5, attempts=1, pause_seconds=0.0)


def test_two_at_once_load_it_once(tmp_path: Path, server: Server) -> None:
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(server, tmp_path / "c"), range(2)))
    assert paths[0].read_bytes() == BODY
    assert server.asked == [None]
