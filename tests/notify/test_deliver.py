"""The outbox: at least once, whatever a channel does, and none waits for another."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.notify.channels.channel import AlertRefused, ChannelDown, UnusableChannel
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel
from tasks.notify.deliver import LONGEST_WAIT_SECONDS, deliver, wait_seconds

if TYPE_CHECKING:
    from tasks.notify.channels.channel import Channel

MakeAlert = Callable[..., Alert]


class Scripted:
    """A channel that takes, refuses or fails as it is told, and remembers what it was sent."""

    def __init__(self, name: str, *answers: Exception | None) -> None:
        self.name = name
        self.answers = list(answers)
        self.sent: list[str] = []

    def send(self, alert: Alert) -> None:
        self.sent.append(alert.id)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def store(state: MonitorState, alerts: list[Alert], *channels: str) -> list[str]:
    stored = state.store_alerts(alerts, cooldown_days=0, channels=channels)
    assert len(stored) == len(alerts)
    return [alert.id for alert in alerts]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_alert_reaches_each_channel_once(state: MonitorState, hook: Any, tmp_path: Path, make_alert: MakeAlert) -> None:
    ids = store(state, [make_alert(day) for day in range(3)], "desk", "pager")
    channels: list[Channel] = [FileChannel("desk", str(tmp_path / "alerts.jsonl")), WebhookChannel("pager", hook.url)]
    report = deliver(state, channels, 100.0)
    assert (report.sent, report.waiting, report.down) == (6, 0, ())
    assert [line["id"] for line in lines(tmp_path / "alerts.jsonl")] == ids == hook.ids()
    again = deliver(state, channels, 101.0)
    assert (again.sent, again.waiting) == (0, 0)
    assert len(hook.received) == 3


def test_a_channel_that_is_down_delays_and_loses_nothing(
    state: MonitorState, hook: Any, tmp_path: Path, make_alert: MakeAlert
) -> None:
    hook.status = 503
    ids = store(state, [make_alert(day) for day in range(3)], "pager", "desk")
    channels: list[Channel] = [WebhookChannel("pager", hook.url), FileChannel("desk", str(tmp_path / "alerts.jsonl"))]
    report = deliver(state, channels, 1000.0)
    assert (report.sent, report.waiting, report.down) == (3, 3, ("pager",))
    assert len(lines(tmp_path / "alerts.jsonl")) == 3
    assert len(hook.received) == 1  # it is not asked three times
    deliver(state, channels, 1001.0)
    assert len(hook.received) == 1  # nor before its wait is over, for the other alerts either
    hook.status = 200
    report = deliver(state, channels, 1000.0 + wait_seconds(1))
    assert (report.sent, report.waiting, report.down) == (3, 0, ())
    assert hook.ids()[1:] == ids


def test_a_channel_that_hangs_is_given_up_and_the_others_are_served(
    state: MonitorState, hook: Any, tmp_path: Path, make_alert: MakeAlert
) -> None:
    hook.gate.clear()
    store(state, [make_alert()], "pager", "desk")
    channels: list[Channel] = [WebhookChannel("pager", hook.url), FileChannel("desk", str(tmp_path / "alerts.jsonl"))]
    report = deliver(state, channels, 1000.0, seconds=0.5)
    assert (report.sent, report.waiting, report.down) == (1, 1, ("pager",))
    assert [row["error"] for row in state.deliveries() if row["channel"] == "pager"] == ["no answer in time"]
    hook.gate.set()
    assert deliver(state, channels, 5000.0).sent == 1


def test_waits_double_up_to_an_hour_and_start_anew(state: MonitorState, make_alert: MakeAlert) -> None:
    store(state, [make_alert()], "pager")
    channel = Scripted("pager", *(ChannelDown("no answer") for _ in range(12)))
    now, waits = 0.0, []
    for _ in range(12):
        deliver(state, [channel], now)
        (row,) = state.deliveries()
        waits.append(row["next_try"] - now)
        now = row["next_try"]
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == waits[-2] == LONGEST_WAIT_SECONDS
    assert deliver(state, [channel], now).sent == 1


def test_an_alert_that_is_refused_waits_alone(state: MonitorState, make_alert: MakeAlert) -> None:
    first, second = store(state, [make_alert(0), make_alert(1)], "pager")
    channel = Scripted("pager", AlertRefused("answered 422"))
    report = deliver(state, [channel], 0.0)
    assert (report.sent, report.waiting, report.down) == (1, 1, ())
    third = store(state, [make_alert(2)], "pager")[0]
    assert deliver(state, [channel], 1.0).sent == 1
    assert deliver(state, [channel], wait_seconds(1)).sent == 1
    assert channel.sent == [first, second, third, first]


def test_a_fault_inside_a_channel_is_its_own(state: MonitorState, make_alert: MakeAlert) -> None:
    store(state, [make_alert()], "broken", "sound")
    channels: list[Channel] = [Scripted("broken", RuntimeError("token s3cret")), Scripted("sound")]
    report = deliver(state, channels, 0.0)
    assert (report.sent, report.down) == (1, ("broken",))
    assert [row["error"] for row in state.deliveries() if row["channel"] == "broken"] == ["failed (RuntimeError)"]


def test_what_waits_for_a_channel_that_is_gone_is_given_up_and_sent_if_it_comes_back(
    state: MonitorState, make_alert: MakeAlert
) -> None:
    store(state, [make_alert()], "old", "deployment:train/news")
    deliver(state, [Scripted("old", ChannelDown("answered 503"))], 0.0)
    assert deliver(state, [], 0.0).waiting == 0
    errors = {row["channel"]: row["error"] for row in state.deliveries()}
    assert errors == {"old": "given up: it is not configured any more", "deployment:train/news": None}
    assert deliver(state, [Scripted("old")], 1.0).sent == 1
    assert [row["error"] for row in state.deliveries()] == [None, None]


def test_what_a_channel_cannot_send_as_it_is_configured_waits_until_that_is_mended(
    state: MonitorState, make_alert: MakeAlert, caplog: pytest.LogCaptureFixture
) -> None:
    store(state, [make_alert()], "pager", "sound")
    broken = UnusableChannel("pager", "PAGER_TOKEN is not set")
    report = deliver(state, [broken, Scripted("sound")], 0.0)
    assert (report.sent, report.waiting, report.down) == (1, 1, ("pager",))
    assert [record.getMessage() for record in caplog.records] == ["channel pager cannot be used: PAGER_TOKEN is not set"]
    assert deliver(state, [Scripted("pager")], 1.0).sent == 1  # at once: it was not the channel that failed


def test_nothing_is_left_running_when_all_have_answered(state: MonitorState, make_alert: MakeAlert) -> None:
    store(state, [make_alert()], "one", "two")
    deliver(state, [Scripted("one"), Scripted("two")], 0.0)
    for thread in threading.enumerate():
        if thread.name.startswith("notify-"):
            thread.join(5)
            assert not thread.is_alive()


KILLED = """
import sys
from pathlib import Path
from tasks.monitor.state import MonitorState
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel
from tasks.notify.deliver import deliver

with MonitorState.open(Path(sys.argv[1]), "desk") as state:
    deliver(state, [WebhookChannel("pager", sys.argv[2])], 10.0)
"""


def test_killed_between_sending_and_writing_it_down_it_is_sent_again_with_the_same_id(
    hook: Any, tmp_path: Path, make_alert: MakeAlert
) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        ids = store(state, [make_alert(0), make_alert(1)], "pager")
    command = [sys.executable, "-c", KILLED, str(tmp_path), hook.url]
    environment = {**os.environ, "TEXTMILL_CRASH_AT": "notify.sent"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert hook.ids()[0] == ids[0]
    with MonitorState.open(tmp_path, "desk") as state:
        assert {row["delivered"] for row in state.deliveries()} == {None}
        assert deliver(state, [WebhookChannel("pager", hook.url)], 20.0).sent == 2
    assert set(hook.ids()) == set(ids)
    assert hook.ids().count(ids[0]) == 2
    assert {headers["Idempotency-Key"] for headers in hook.headers} == set(ids)


def test_no_file_of_the_state_holds_a_secret(
    state: MonitorState, hook: Any, make_alert: MakeAlert, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    store(state, [make_alert()], "pager")
    deliver(state, [WebhookChannel("pager", f"{hook.url}/s3cret-path", token="s3cret-token")], 0.0)
    deliver(state, [WebhookChannel("pager", "http://127.0.0.1:1/s3cret-path", token="s3cret-token")], 9e9)
    state.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = b"".join(path.read_bytes() for path in state.folder.rglob("*") if path.is_file())
    assert b"s3cret" not in content
    assert "s3cret" not in caplog.text
    assert caplog.text.count("channel pager") == 2


def test_what_comes_after_the_time_is_not_sent_on_the_quiet(state: MonitorState, make_alert: MakeAlert) -> None:
    late = threading.Event()

    class Slow(Scripted):
        def send(self, alert: Alert) -> None:
            late.wait()
            super().send(alert)

    channel = Slow("pager")
    store(state, [make_alert(day) for day in range(10)], "pager")
    deliver(state, [channel], 0.0, seconds=0.1)
    assert channel.sent == []
    late.set()
    for thread in threading.enumerate():
        if thread.name == "notify-pager":
            thread.join()
    assert len(channel.sent) == 1  # nothing after the one that was under way
