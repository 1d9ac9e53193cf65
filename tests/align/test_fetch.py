"""Vectors by URL: loaded once, verified, loaded again when they change."""

import http.server
import json
import logging
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tasks.align.fetch import local_copies
from tasks.align.settings import AlignConfig
from tasks.errors import RequestError, UnavailableError
from tasks.store.artifact import Fingerprints, section_values
from tasks.store.digests import sha256_text
from tests.writers import write_zip

TEXT = b"good 1 2\nfilm 3 4\n"


class Server(http.server.ThreadingHTTPServer):
    """Keeps what was asked: path and range."""

    asked: list[tuple[str, str | None]]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with ranges as fsspec asks for them; what was asked is kept."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, self.headers.get("Range")))
        wanted = self.headers.get("Range")
        if not wanted:
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        start, end = wanted.removeprefix("bytes=").split("-")
        piece = data[int(start) : int(end) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        self.send_header("Content-Range", f"bytes {start}-{int(start) + len(piece) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(piece)

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a.vec").write_bytes(TEXT)
    handler = partial(Handler, directory=str(tmp_path / "served"))
    with Server(("127.0.0.1", 0), handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def bring(tmp_path: Path, url: str, **more: Any) -> AlignConfig:
    return local_copies(AlignConfig(vectors=url, **more), tmp_path / "data", Fingerprints(tmp_path / "seen"))


def memory(name: str, data: bytes) -> str:
    fsspec.filesystem("memory").pipe(f"/{name}", data)
    return f"memory://{name}"


def test_a_url_becomes_a_copy_and_a_path_stays(tmp_path: Path) -> None:
    url = memory("one.vec", TEXT)
    config = bring(tmp_path, url, second=tmp_path / "own.vec")
    assert isinstance(config.vectors, Path)
    assert config.vectors.read_bytes() == TEXT
    assert config.second == tmp_path / "own.vec"
    # The key of the step holds the digest of the bytes.
    same = tmp_path / "same"
    same.write_bytes(TEXT)
    keys = [section_values(AlignConfig(vectors=path), Fingerprints(tmp_path / "seen")) for path in (config.vectors, same)]
    assert keys[0] == keys[1]


def test_an_unchanged_file_is_loaded_once_and_a_changed_one_again(tmp_path: Path, server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}/a.vec"
    first = bring(tmp_path, url).vectors
    loaded = len(server.asked)
    assert first.read_bytes() == TEXT
    assert bring(tmp_path, url).vectors == first
    assert len(server.asked) == loaded
    (tmp_path / "served" / "a.vec").write_bytes(TEXT * 2)
    assert bring(tmp_path, url).vectors.read_bytes() == TEXT * 2


def test_a_damaged_copy_is_loaded_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = memory("two.vec", TEXT)
    copy = bring(tmp_path, url).vectors
    copy.write_bytes(b"good 1 3\nfilm 3 4\n")
    assert bring(tmp_path, url).vectors.read_bytes() == TEXT
    assert "is not what was loaded" in caplog.text


def test_a_killed_load_goes_on_where_it_was(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 40_000
    (tmp_path / "served" / "a.vec").write_bytes(data)
    url = f"http://127.0.0.1:{server.server_port}/a.vec"

    class Killed(BaseException):
        pass

    class Kill:
        def advance(self, done: float, *words: object) -> None:
            if done > 5:
                raise Killed

        def log(self, metrics: object, at: int) -> None: ...

    monkeypatch.setattr("tasks.download.CHUNK", 1 << 20)
    with pytest.raises(Killed):
        local_copies(AlignConfig(vectors=url), tmp_path / "data", Fingerprints(tmp_path / "seen"), progress=Kill())
    (part,) = (tmp_path / "data").rglob("*.part")
    have = part.stat().st_size
    assert 5e6 < have < len(data)
    server.asked.clear()
    assert bring(tmp_path, url).vectors.read_bytes() == data
    assert not list((tmp_path / "data").rglob("*.part"))
    assert min(int((asked or "bytes=0").removeprefix("bytes=").split("-")[0]) for _, asked in server.asked) == have


def test_what_came_of_another_file_is_not_continued(tmp_path: Path) -> None:
    url = memory("three.vec", TEXT)
    copy = bring(tmp_path, url).vectors
    (copy.parent / "0123.part").write_bytes(b"junk")
    memory("three.vec", TEXT + b"plot 5 6\n")
    assert bring(tmp_path, url).vectors.read_bytes() == TEXT + b"plot 5 6\n"
    assert not list(copy.parent.glob("*.part"))


def test_a_place_that_does_not_answer_costs_a_warning_where_there_is_a_copy(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/a.vec"
    copy = bring(tmp_path, url).vectors
    gone = "http://127.0.0.1:1/a.vec"
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:1/a\.vec cannot be read"):
        bring(tmp_path, gone)
    with pytest.raises(RequestError, match=r"b\.vec: no such file"):
        bring(tmp_path, url.replace("a.vec", "b.vec"))
    place = copy.parent.parent / sha256_text(gone)[:16]
    shutil.rmtree(place)
    copy.parent.rename(place)
    with caplog.at_level(logging.WARNING):
        assert bring(tmp_path, gone).vectors.read_bytes() == TEXT
    assert "does not answer" in caplog.text


def test_a_file_in_a_zip_elsewhere(tmp_path: Path) -> None:
    write_zip(tmp_path / "glove.zip", {"glove.2d.txt": TEXT, "glove.3d.txt": b"good 1 2 3\n"})
    assert bring(tmp_path, f"zip://glove.2d.txt::file://{tmp_path}/glove.zip").vectors.read_bytes() == TEXT


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://nowhere.vec", r"--align\.vectors memory://nowhere\.vec: no such file"),
        ("nonsense://user:secret@host/x.vec?token=secret", r"--align\.vectors nonsense://host/x\.vec: .*nonsense"),
    ],
)
def test_what_is_wrong_is_told_without_secrets(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        bring(tmp_path, url)
    assert "secret" not in str(raised.value)


def test_secrets_are_not_stored(tmp_path: Path, server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}/a.vec?token=secret"
    copy = bring(tmp_path, url).vectors
    source = json.loads((copy.parent / "source.json").read_text())
    assert source["url"] == f"http://127.0.0.1:{server.server_port}/a.vec"
    assert "secret" not in json.dumps(source)


def test_a_token_may_come_from_the_environment_and_is_told_by_its_name(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/${{VECTORS_TOKEN}}.vec"
    with pytest.raises(RequestError, match=r"--align\.vectors reads the environment variable VECTORS_TOKEN, which is not set"):
        bring(tmp_path, url)
    monkeypatch.setenv("VECTORS_TOKEN", "a")
    copy = bring(tmp_path, url).vectors
    assert copy.read_bytes() == TEXT
    assert json.loads((copy.parent / "source.json").read_text())["url"] == url
    monkeypatch.setenv("VECTORS_TOKEN", "secret")
    for wrong in ("memory://${VECTORS_TOKEN}.vec", "nonsense-${VECTORS_TOKEN}://host/x.vec"):
        with pytest.raises(RequestError, match=r"\$\{VECTORS_TOKEN\}") as raised:
            bring(tmp_path, wrong)
        assert "secret" not in str(raised.value)


def test_sections_tell_urls_from_paths_through_json() -> None:
    config = AlignConfig(vectors="https://host/a.vec", second="own.vec")
    again = AlignConfig.model_validate_json(config.model_dump_json())
    assert (again.vectors, again.second) == ("https://host/a.vec", Path("own.vec"))
