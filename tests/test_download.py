"""Files that are elsewhere: resumed after a cut, checked, and never used when they are wrong."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tasks.download import download
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 8000
MD5 = hashlib.md5(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY; `cuts` bytes at most in each of the first answers, `ranges` says whether Range is understood.

    `asked` are the bytes at which each request begins; None for one that wants the whole file.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int] = []
        self.ranges = True
        self.status = 200
        self.asked: list[int | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/corpus.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.answer(0, len(BODY), head=True)

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        start, _, end = (asked or "").removeprefix("bytes=").partition("-")
        self.server.asked.append(int(start) if start else None)
        if asked and self.server.ranges:
            self.answer(int(start), min(int(end) + 1, len(BODY)) if end else len(BODY))
        else:
            self.answer(0, len(BODY))

    def answer(self, start: int, end: int, *, head: bool = False) -> None:
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if start >= len(BODY):
            self.send_error(416)
            return
        part = (start, end) != (0, len(BODY))
        self.send_response(206 if part else 200)
        self.send_header("Content-Length", str(end - start))
        if part:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(BODY)}")
        self.end_headers()
        if not head:
            cut = self.server.cuts.pop(0) if self.server.cuts else len(BODY)
            self.wfile.write(BODY[start:end][:cut])
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
    known = {"md5": MD5, "pause_seconds": 0.0, "otherwise": "give --ingest.archive FILE"}
    return download(server.url, target, **{**known, **options})


def test_a_cut_connection_is_resumed_where_it_ended(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.download.CHUNK", 1 << 18)
    server.cuts = [len(BODY), 300_000, 100_000]
    seen: list[tuple] = []

    class Watch:
        def advance(self, done: int, total: int, unit: str, note: str = "") -> None:
            seen.append((done, total, unit))

        def log(self, metrics: dict[str, float], at: int) -> None:
            raise AssertionError

    target = fetch(server, tmp_path / "raw" / "corpus.tar.gz", progress=Watch())
    assert target.read_bytes() == BODY
    assert server.asked[0] == 0
    assert all(start and start > 0 for start in server.asked[1:])
    assert len(set(server.asked)) < len(server.asked)  # what was cut off is asked for again
    assert seen[-1] == (len(BODY) / 1e6, len(BODY) / 1e6, "MB")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert not list(tmp_path.glob("raw/*.part"))


def test_a_later_run_goes_on_and_one_after_it_asks_nothing(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.part").write_bytes(BODY[:1_000_000])
    fetch(server, tmp_path / "c")
    asked = list(server.asked)
    assert asked[-1] == 1_000_000
    assert fetch(server, tmp_path / "c").read_bytes() == BODY
    assert server.asked == asked


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
        download("http://127.0.0.1:9/x", tmp_path / "c", md5=MD5, attempts=1, pause_seconds=0.0, otherwise="go on")


def test_two_at_once_load_it_once(tmp_path: Path, server: Server) -> None:
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(server, tmp_path / "c"), range(2)))
    assert paths[0].read_bytes() == BODY
    assert len(server.asked) == 1
