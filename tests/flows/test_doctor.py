"""What doctor says of the monitors."""

import time
from pathlib import Path

import pytest

from flows.doctor import monitors
from tasks.errors import UnavailableError
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState


def alert(created: float) -> Alert:
    window = {"window_start": "2020-03-04", "window_end": "2020-03-10", "count": 1, "negative_share": 0.4, "baseline": 0.2}
    return Alert.make("desk", kind="surge", series="all", severity="high", created=created, **window)


def test_alerts_that_wait_for_long_are_told_with_their_reason_and_age(tmp_path: Path) -> None:
    assert monitors(tmp_path) == "none yet"
    now = time.time()
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh():
            state.store_alerts([alert(now - 7200)], cooldown_days=1, channels=["pager"])
        state.failed(alert(now).id, "pager", "answered 503", next_try=now + 60)
        with pytest.raises(
            UnavailableError,
            match=r"1 alerts of desk wait, the oldest for 2\.0 hours for pager \(answered 503\); desk refreshed",
        ):
            monitors(tmp_path)
        state.delivered(alert(now).id, "pager", now)
    with MonitorState.open(tmp_path, "other"):
        pass
    refreshed = time.strftime("%Y-%m-%d")
    said = monitors(tmp_path)
    assert said.startswith(f"desk refreshed {refreshed}")
    assert said.endswith("0 alerts waiting; other never refreshed, 0 alerts waiting")


def test_an_alert_that_was_just_stored_is_no_fault_and_a_damaged_state_is(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state, state.refresh():
        state.store_alerts([alert(time.time())], cooldown_days=1, channels=["pager"])
    assert monitors(tmp_path).endswith("1 alerts waiting")
    (tmp_path / "monitor" / "desk" / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(UnavailableError, match="restore it from a backup"):
        monitors(tmp_path)
