"""`textmill monitor digest`: a week is printed, sent once to each channel, and again with the same id after a kill."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from flows.commands.settings import resolve_refresh
from flows.commands.sum_up import sum_up
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tests.command_line import run_here

if TYPE_CHECKING:
    from pathlib import Path

END = datetime.date(2026, 3, 8)
POINTS = ["monitor.alerts_stored", "notify.sending", "notify.sent", "notify.marked"]
SEND = """
import datetime, sys
from flows.commands.settings import resolve_refresh
from flows.commands.sum_up import sum_up
sum_up(resolve_refresh(sys.argv[1:]), 7, datetime.date(2026, 3, 8), send=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A monitor `desk` with a document a day for two weeks."""
    rows = []
    for back in range(14):
        time = datetime.datetime.combine(END - datetime.timedelta(back), datetime.time(9), datetime.UTC)
        text = f"Corvane and {hashlib.sha256(bytes([back])).hexdigest()}"
        row: dict[str, Any] = {"id": hashlib.sha256(text.encode()).digest(), "time": time, "day": time.date(), "text": text}
        row |= {"source": "inbox", "model": "news/1", "label": "negative", "confidence": 0.8, "negative": 0.8, "tokens": 5}
        rows.append(row | {"unseen": 0, "topics": [], "names": ["Corvane"]})
    with MonitorState.open(tmp_path, "desk") as state, state.refresh(labels=["negative", "positive"]) as transaction:
        transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
    return tmp_path


def options(root: Path, *names: str, language: str = "en") -> list[str]:
    """Options of a refresh whose channels are files of these names."""
    channels = root / "channels.toml"
    channels.write_text("".join(f'[{name}]\nkind = "file"\npath = "{name}.jsonl"\n' for name in names))
    channels.chmod(0o600)
    own = ["--collect.name", "desk", "--runtime.data-root", str(root), "--dashboard.language", language]
    return [*own, "--notify.channels", str(channels)]


def told(root: Path, name: str) -> list[dict[str, Any]]:
    path = root / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_a_week_is_sent_once_to_each_channel_whenever_it_is_named(root: Path) -> None:
    first = sum_up(resolve_refresh(options(root, "team")), 7, END, send=True)
    assert (first.sent, first.waiting) == (("team",), {})
    again = sum_up(resolve_refresh(options(root, "team", "mail")), 7, END, send=True)
    assert sorted(again.sent) == ["mail", "team"]
    assert [[each["id"] for each in told(root, name)] for name in ("team", "mail")] == [[first.summary.id]] * 2
    (sent,) = told(root, "team")
    assert (sent["kind"], sent["count"], sent["baseline_count"]) == ("summary", 7, 7)
    assert sent["title"] == "desk: 2026-03-02 to 2026-03-08: 7 documents, 80.0% negative, 0 alerts"
    other = sum_up(resolve_refresh(options(root, "team", language="zh")), 5, END, send=True)
    assert other.summary.id != first.summary.id
    assert told(root, "team")[1]["title"].startswith("desk：2026年3月4日至2026年3月8日")


@pytest.mark.parametrize("point", POINTS)
def test_a_week_is_neither_lost_nor_doubled_by_a_kill(root: Path, point: str) -> None:
    given = options(root, "team")
    done = subprocess.run(
        [sys.executable, "-c", SEND, *given], env={**os.environ, "TEXTMILL_CRASH_AT": point}, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = sum_up(resolve_refresh(given), 7, END, send=True)
    assert found.sent == ("team",)
    ids = [each["id"] for each in told(root, "team")]
    assert set(ids) == {found.summary.id}
    assert len(ids) == (2 if point == "notify.sent" else 1)  # taken and not written down: again, with the same id
    with MonitorState.read(root, "desk") as state:
        assert [alert.id for alert in state.alerts()] == [found.summary.id]


def test_a_channel_that_takes_nothing_gets_it_later(root: Path) -> None:
    given = options(root, "team")
    (root / "team.jsonl").mkdir()
    assert "team" in sum_up(resolve_refresh(given), 7, END, send=True).waiting
    (root / "team.jsonl").rmdir()
    with MonitorState.open(root, "desk") as state:
        state.mark_channel("team", None)  # an hour later
    assert sum_up(resolve_refresh(given), 7, END, send=True).sent == ("team",)


def test_without_send_nothing_is_stored(root: Path) -> None:
    done = run_here("monitor", "digest", "desk", "--until", "2026-03-08", "--runtime.data-root", str(root))
    assert done.returncode == 0, done.stderr
    assert "7 documents, 80.0% negative on average. In as many days before: 7, 80.0% negative." in done.stdout
    as_json = json.loads(
        run_here("monitor", "digest", "desk", "--until", "2026-03-08", "--json", "--runtime.data-root", str(root)).stdout
    )
    assert as_json["evidence"]["week"]["series"][0]["series"] == "name:Corvane"
    assert (as_json["sent"], as_json["waiting"]) == ([], {})
    with MonitorState.read(root, "desk") as state:
        assert state.alerts() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no monitor 'nobody' here"),
        (["desk", "--send"], "--notify.channels FILE"),
        (["desk", "--until", "Monday"], "--until Monday is not a day"),
        (["--send", "--notify.channels"], "Missing argument|names|name first"),
        (["desk", "--detect.widnow-days", "3"], "widnow"),
    ],
)
def test_a_wrong_request_is_one_line(root: Path, arguments: list[str], message: str) -> None:
    done = run_here("monitor", "digest", *arguments, "--runtime.data-root", str(root))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr), done.stderr


def test_it_makes_no_monitor(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no monitor 'desk' here"):
        sum_up(resolve_refresh(options(tmp_path, "team")), 7, END, send=True)
    assert not (tmp_path / "monitor").exists()
