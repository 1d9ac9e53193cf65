"""An S3 server of our own (moto), and a proxy before it that loses answers: for the tests of the shared store."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import subprocess
import sys
import threading
import urllib.parse
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from flows.servers.server import free_port
from tests.patience import HANGS_SECONDS, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "team"
KEY_ID, SECRET = "AKIDOFTHETESTS", "test+secret/of+1"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
# What becomes of a request; CUT: done, and its answer lost; LATE: done, and its answer held back.
PASS, CUT, DROP, HANG, LATE = "pass", "cut", "drop", "hang", "late"


class S3:
    """A server on a port of this machine, asked without a client library: whoever forks must not have used one."""

    def __init__(self, port: int) -> None:
        self.port = port

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
            connection.request(method, urllib.parse.quote(path, safe="/?=&"), body, {"Authorization": SIGNED})
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


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """Run a server until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        server = S3(port)

        def answers() -> bool:
            assert process.poll() is None, "moto's server has ended"
            with contextlib.suppress(OSError):
                return server.ask("GET", "/")[0] == 200
            return False

        try:
            until(answers, "moto's server", every=0.1)
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
