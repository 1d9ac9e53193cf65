"""No alert is lost, and one that is sent twice has the same id: kills between storing, sending and writing down.

A trial stores alerts for a file and a webhook, kills the process that does so and the one that sends, at named points and at
moments drawn by chance, with a webhook that fails now and then. What is stored by then, all or nothing, is not found again: the
processes after it only send, until nothing waits.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from tasks.monitor.state import MonitorState
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel
from tasks.notify.deliver import LONGEST_WAIT_SECONDS, deliver
from tests.faults.forks import KILLED, Child
from tests.faults.row_06_no_space import alert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from tasks.notify.channels.channel import Channel

NUMBER = 12
PROMISE = (
    "No alert is lost and none is invented: after kills at any point between storing, sending and writing it down, with a "
    "webhook that fails now and then, each reached each channel, and every repetition has the id of the first"
)
COUNT = 200
TAKEN_OUT = (
    "an alert is taken down as delivered before it is sent: 28 of 40 trials fail; the outbox is emptied as it is read: 25 of "
    "40; alerts are stored one by one, in no transaction: 9 of 40"
)
POINTS = ["monitor.alerts_stored", "notify.sending", "notify.sent", "notify.marked"]
ALERTS = 6
RECEIVED: dict[str, list[tuple[str, str, str]]] = {}  # path of the hook -> id in the header, id and evidence in the body
FAILS: dict[str, int] = {}  # path of the hook -> how many more times it says no


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes alerts, or not."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        RECEIVED[self.path].append((self.headers["Idempotency-Key"], body["id"], body["window_end"]))
        FAILS[self.path] -= 1
        self.send_response(200 if FAILS[self.path] < 0 else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A webhook for all trials, each with a path of its own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    (folder / "url").write_text(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trial(random: Random, folder: Path) -> str | None:
    """One kill that is counted: at a named point, or at a moment; wrong is an alert that is missing, unknown or renamed."""
    path = f"/{folder.name}"
    url = (folder.parent / "url").read_text() + path
    by_chance = random.random() < 0.5
    RECEIVED[path], FAILS[path] = [], random.choice([0, 1, 3]) if by_chance else 0
    numbers = random.sample(range(200), ALERTS)
    expected = {alert(number).window_end: alert(number).id for number in numbers}
    crash_at = "" if by_chance else f"{random.choice(POINTS)}:{random.randint(1, ALERTS)}"
    if crash_at.startswith("monitor"):
        crash_at = "monitor.alerts_stored"
    with Child(notify, folder, url, numbers, 0, crash_at=crash_at) as child:
        if by_chance:
            time.sleep(random.uniform(0.0, 0.1))
            child.kill()
        elif child.wait() != KILLED:
            return f"{crash_at} was not reached: exit code {child.wait()} {child.said}"
    with Child(stored, folder) as child:
        if child.wait():
            return child.said
        kept = dict(child.result)
    if kept not in ({}, expected) or (not kept and crash_at.startswith("notify")):
        return f"{len(kept)} of {len(expected)} alerts are stored"
    # What was stored once is only sent from here on: a second refresh would not find it again.
    found = [] if kept else numbers
    for number in range(1, 12):  # each with an hour between, so that no channel rests
        with Child(notify, folder, url, found, number * 2 * LONGEST_WAIT_SECONDS) as child:
            if child.wait():
                return child.said
            if child.result == 0:
                break
        found = []
    else:
        return f"{child.result} alerts still wait"
    return _compare(expected, folder, path)


def notify(root: Path, url: str, numbers: list[int], now: float) -> int:
    """Store what was found, if anything was, and send what waits; how many still do."""
    with MonitorState.open(root, "desk") as state:
        channels: list[Channel] = [FileChannel("desk", str(root / "alerts.jsonl")), WebhookChannel("pager", url)]
        if numbers:
            state.store_alerts([alert(number) for number in numbers], cooldown_days=0, channels=["desk", "pager"])
        return deliver(state, channels, now).waiting


def stored(root: Path) -> dict[str, str]:
    """The ids of the alerts that the monitor holds, by the last day of their window."""
    with MonitorState.open(root, "desk") as state:
        return {alert.window_end: alert.id for alert in state.alerts()}


def _compare(expected: dict[str, str], folder: Path, path: str) -> str | None:
    whole = []
    for line in (folder / "alerts.jsonl").read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            whole.append(json.loads(line))
    for channel, told in {
        "file": [(each["window_end"], each["id"]) for each in whole],
        "webhook": [(end, identity) for header, identity, end in RECEIVED[path] if header == identity],
    }.items():
        if dict(told) != expected or set(told) != set(expected.items()):
            return f"the {channel} was told {sorted(told)}, stored were {sorted(expected.items())}"
    others = [header for header, identity, _ in RECEIVED[path] if header != identity]
    return f"other ids in the header: {others}" if others else None
