"""Two processes at one spool: what is added after the other has looked is never lost, and never sent by both."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.tracking.spool import Spool, Unreachable, read_calls

URI = "http://tracking"


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once between the opening of a file and its lock."""
    flock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        act()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)


def test_a_file_that_is_sent_before_its_owner_has_locked_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = Spool(tmp_path, URI), Spool(tmp_path, URI)
    sent: list[dict[str, Any]] = []
    before_the_lock(monkeypatch, lambda: other.send_left_behind(sent.append))
    owner.add({"op": "tags"})
    assert sent == []
    assert read_calls(owner.path) == [{"op": "tags", "uri": URI}]
    owner.close()
    other.send_left_behind(sent.append)
    assert sent == [{"op": "tags", "uri": URI}]


def test_a_file_that_its_owner_begins_anew_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Spool(tmp_path, URI)
    sent: list[dict[str, Any]] = []
    owner.add({"op": "first"})
    owner.close()
    third: list[dict[str, Any]] = []

    def sends_and_begins_anew() -> None:
        Spool(tmp_path, URI).send_left_behind(third.append)
        owner.add({"op": "second"})

    before_the_lock(monkeypatch, sends_and_begins_anew)
    Spool(tmp_path, URI).send_left_behind(sent.append)
    assert ([call["op"] for call in third], sent) == (["first"], [])
    assert [call["op"] for call in read_calls(owner.path)] == ["second"]


def test_what_is_not_sent_stays_in_order(tmp_path: Path) -> None:
    owner = Spool(tmp_path, URI)
    sent: list[dict[str, Any]] = []
    for number in range(3):
        owner.add({"op": number})

    def goes_away(call: dict[str, Any]) -> None:
        if len(sent) == 1:
            raise Unreachable
        sent.append(call["op"])

    with pytest.raises(Unreachable):
        owner.send(goes_away)
    owner.add({"op": 3})
    assert sent == [0]
    assert [call["op"] for call in read_calls(owner.path)] == [1, 2, 3]
