import datetime
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState

HOSTILE = "\x1b[2J@everyone <!channel> <script>alert(1)</script>\r\n*bold* [x](http://evil.example) \u202egnp.exe & `rm`"


@pytest.fixture(name="hostile")
def hostile_text() -> str:
    """A headline that tries everything."""
    return HOSTILE


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    """A surge that ends so many days after the first of May, with headlines of one's own."""

    def made(days: int = 0, *, headline: str = "Bank fails", series: str = "all", message: str | None = None) -> Alert:
        end = datetime.date(2020, 5, 1) + datetime.timedelta(days=days)
        evidence: dict[str, Any] = {
            "headlines": [{"id": "ab", "time": "2020-05-01T08:00:00+00:00", "text": headline, "probability": 0.9}],
            "words": [{"word": headline, "deviate": 3.0, "documents": 4}],
        }
        return Alert.make(
            "desk",
            kind="surge" if message is None else "drift",
            series=series,
            severity="high",
            window=(str(end - datetime.timedelta(days=6)), str(end)),
            facts={"count": 100, "negative_share": 0.25, "baseline": 0.1},
            created=float(days),
            evidence=evidence if message is None else {"message": message},
        )

    return made


@dataclass
class Hook:
    """A server on this machine: what it received, and how it answers; while `gate` is closed it does not answer at all."""

    url: str
    status: int = 200
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def ids(self) -> list[str]:
        return [body["id"] for body in self.received]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that works until a test says otherwise."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.gate.wait(30)
            made.received.append(json.loads(body))
            made.headers.append(dict(self.headers))
            self.send_response(made.status)
            self.send_header("Location", made.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Hook(f"http://127.0.0.1:{server.server_address[1]}/hook")
    made.gate.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MonitorState]:
    """An empty monitor."""
    with MonitorState.open(tmp_path / "data", "desk") as state:
        yield state
