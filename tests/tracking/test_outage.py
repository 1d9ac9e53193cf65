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
from tasks.tracking.spool import Unreachable
from tasks.tracking.tracker import Tracker
from tests.patience import HANGS_SECONDS

Opener = Callable[..., Tracker]


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


@pytest.mark.long
def test_a_link_to_another_run_is_made_at_once_or_when_the_server_is_back(
    server: Any, open_tracker: Opener, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker("linked", server.uri)
    first, second = (tracker.start_run(name) for name in ("first", "second"))
    tracker.set_tags(first, {"key": "k", "step": "prepare"})
    tracker.link_run(second, "at once", {"key": "k", "step": "prepare"})
    tracker.link_run(second, "of none", {"key": "k", "step": "ingest"})
    server.close()
    tracker.link_run(second, "in the outage", {"key": "k", "step": "prepare"})
    child = tracker.start_run("child")
    tracker.set_tags(child, {"key": "c"})
    tracker.link_run(second, "to one that waits too", {"key": "c"})
    assert tracker.server_run_id(child) is None
    server.open()
    assert tracker.flush() is None
    tags = tracker._client.get_run(second).data.tags
    made = {name: value for name, value in tags.items() if " " in name}
    assert made == {"at once": first, "in the outage": first, "to one that waits too": tracker.server_run_id(child)}


def test_runs_that_have_no_end_are_found_by_their_tags_in_any_experiment(server: Any, open_tracker: Opener) -> None:
    killed = open_tracker("killed", server.uri)
    ids = [killed.start_run(name, {"flow": "f1"}) for name in ("parent", "child", "ended")]
    killed.start_run("another", {"flow": "f2"})
    killed.finish(ids[2])
    tracker = open_tracker("films", server.uri)
    assert sorted(tracker.running("killed", {"flow": "f1"})) == sorted(ids[:2])
    assert tracker.running("nothing is called so", {"flow": "f1"}) == []
    server.close()
    with pytest.raises(Unreachable, match=server.uri):
        tracker.running("killed", {"flow": "f1"})


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
    assert tracker.answers_before(time.monotonic() + HANGS_SECONDS)
    assert looks == [tracker_module.WAIT_SECONDS] * 3


def test_a_server_that_takes_connections_and_says_nothing_is_gone_too(
    server: Any, open_tracker: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker("films", server.uri)
    run = tracker.start_run("one")
    server.hang()
    monkeypatch.setattr(tracker_module, "ANSWER_SECONDS", 0.3)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    tracker.set_tags(run, {"told": "late"})
    before = len(server.unanswered)
    waiting = tracker.flush()
    assert waiting is not None
    assert not [asked for asked in server.unanswered[before:] if "/api/" in asked]  # it is looked at, and told nothing
    assert not tracker.answers_before(time.monotonic() + 1)
    monkeypatch.setattr(tracker_module, "OPEN_SECONDS", 0.3)
    with pytest.raises(UnavailableError, match="it takes connections and says nothing"):
        open_tracker("films", server.uri)
    assert waiting.exists()


def test_a_store_that_was_given_up_is_not_asked_again_by_this_run(server: Any, open_tracker: Opener) -> None:
    tracker = open_tracker("films", server.uri)
    run = tracker.start_run("one")
    assert tracker.unanswered_since is None
    server.close()
    tracker.set_tags(run, {"told": "late"})
    assert tracker.unanswered_since is not None
    tracker.give_up()
    server.open()
    before = server.taken
    tracker.finish(run, "FAILED")
    waiting = tracker.flush()
    tracker.close()
    assert waiting is not None
    assert server.taken == before
    client = open_tracker("films", server.uri)._client
    assert (client.get_run(run).info.status, client.get_run(run).data.tags["told"]) == ("FAILED", "late")
    assert not waiting.exists()


def test_an_answer_ends_the_outage(server: Any, open_tracker: Opener) -> None:
    tracker = open_tracker("films", server.uri)
    run = tracker.start_run("one")
    server.close()
    tracker.set_tags(run, {"told": "late"})
    began = tracker.unanswered_since
    assert tracker.flush() is not None
    assert began is not None
    assert tracker.unanswered_since == began
    server.open()
    assert tracker.flush() is None
    assert tracker.unanswered_since is None
