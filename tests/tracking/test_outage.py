"""A tracking server that goes away: what is said of it, what waits, and what is not asked meanwhile."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UnavailableError
from tasks.tracking import tracker as tracker_module
from tasks.tracking.registry import RegistryOutage
from tasks.tracking.tracker import Tracker

Opener = Callable[..., Tracker]

pytestmark = pytest.mark.timeout(120, func_only=True)  # each call would take MLflow itself four minutes


def test_an_outage_is_said_once_and_what_waits_can_be_named(
    server: Any, open_tracker: Opener, data_root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_module, "RETRY_SECONDS", 0.0)  # looks for the server again at every call
    tracker = open_tracker("films", server.uri)
    run = tracker.start_run("one")
    assert tracker.flush() is None
    server.close()
    with caplog.at_level(logging.WARNING, "tasks"):
        for epoch in range(3):
            tracker.log_metrics(run, {"finetune/loss": float(epoch)}, step=epoch)
        (path,) = (data_root / "runs" / "spool").iterdir()
        assert tracker.flush() == path
        tracker.close()
    (said,) = caplog.messages
    assert server.uri in said
    assert str(path) in said
    assert "by this run or the next" in said
    server.open()
    again = open_tracker("films", server.uri)
    assert not path.exists()
    assert len(again._client.get_metric_history(run, "finetune/loss")) == 3


def test_a_server_that_was_just_gone_is_not_asked_for_runs(
    server: Any, open_tracker: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker("films", server.uri)
    run = tracker.start_run("one", {"key": "k"})
    assert tracker.find_run({"key": "k"}) == run
    server.close()
    tracker.log_metrics(run, {"loss": 1.0})
    server.open()
    monkeypatch.setattr(tracker, "_client", None)  # whoever asks it raises
    assert tracker.find_run({"key": "k"}) is None


def test_a_registry_that_goes_away_is_told_from_one_that_fails(server: Any, open_tracker: Opener, tmp_path: Path) -> None:
    registry = open_tracker("films", server.uri).registry
    server.close()
    for call in (registry.names, lambda: registry.aliases("films"), lambda: registry.set_alias("films", "champion", 1)):
        with pytest.raises(RegistryOutage, match=server.uri):
            call()
    server.open()
    with pytest.raises(UnavailableError) as raised:  # there is no such model, and waiting would not make it
        registry.set_alias("films", "champion", 1)
    assert not isinstance(raised.value, RegistryOutage)


def test_a_server_is_waited_for_until_it_is_back_or_time_is_up(
    server: Any, open_tracker: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker("films", server.uri)
    server.close()
    looks = []

    def comes_back(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            server.open()

    monkeypatch.setattr(tracker_module.time, "sleep", comes_back)
    assert not tracker.answers_before(time.monotonic())
    assert looks == []
    assert tracker.answers_before(time.monotonic() + 60)
    assert looks == [tracker_module.WAIT_SECONDS] * 3
