"""Promotions and rollbacks by hand that were killed at each of their points, and repeated or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.register.models import list_models, promote, rollback
from tasks.tracking.tracker import Tracker
from tests.register.films import aliases, killed_at, ledger

Enrol = Callable[..., Any]


MOVES = ["begun", "previous_set", "champion_set", "promoted", "recorded"]


@pytest.fixture
def beginning(four_versions: Path) -> Path:
    """Versions 1, 2 and 3, each promoted over the one before; a fourth that was refused."""
    return four_versions


@pytest.mark.parametrize("point", MOVES[:-1])
def test_a_rollback_that_was_killed_goes_back_once_when_it_is_repeated(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    killed_at(monkeypatch, f"register.{point}")
    with pytest.raises(KeyboardInterrupt):
        rollback(tracker, "films", "3 is bad")
    monkeypatch.undo()
    made = rollback(tracker, "films", "3 is bad")
    assert (made.version, made.decision, made.reason) == (2, "rollback", "3 is bad")
    assert aliases(tracker) == {"champion": 2, "previous": 1, "challenger": 4}
    assert [move for move in ledger(tracker) if move[0] != "refused"][3:] == [("rollback", 3, 2)]
    assert rollback(tracker, "films").version == 1


def test_a_rollback_that_was_killed_after_its_line_is_over(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(monkeypatch, "register.recorded")
    with pytest.raises(KeyboardInterrupt):
        rollback(tracker, "films")
    monkeypatch.undo()
    assert aliases(tracker) == {"champion": 2, "previous": 1, "challenger": 4}
    assert rollback(tracker, "films").version == 1  # the second of two, never what the first went back from


@pytest.mark.parametrize("point", MOVES)
def test_a_promotion_that_was_killed_is_made_once_when_it_is_repeated(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    killed_at(monkeypatch, f"register.{point}")
    with pytest.raises(KeyboardInterrupt):
        promote(tracker, "films", 4, "it is right")
    monkeypatch.undo()
    made = promote(tracker, "films", 4, "it is right")
    assert (made.version, made.alias) == (4, "champion")
    assert made.decision == ("unchanged" if point == "recorded" else "promoted")
    assert aliases(tracker) == {"champion": 4, "previous": 3}
    assert [move for move in ledger(tracker) if move[0] != "refused"][3:] == [("promote", 3, 4)]
    assert rollback(tracker, "films").version == 3
    assert rollback(tracker, "films").version == 2


@pytest.mark.parametrize("point", ["begun", "previous_set"])
def test_a_promotion_that_was_killed_before_its_alias_and_not_repeated_leaves_nothing(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    killed_at(monkeypatch, f"register.{point}")
    with pytest.raises(KeyboardInterrupt):
        promote(tracker, "films", 4)
    monkeypatch.undo()
    assert list_models(tracker, "films")[3].action == "refused"
    assert promote(tracker, "films", 3).decision == "unchanged"
    assert aliases(tracker) == {"champion": 3, "previous": 2, "challenger": 4}


def test_a_killed_rollback_that_another_run_finds_is_a_rollback_in_the_ledger(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(monkeypatch, "register.champion_set")
    with pytest.raises(KeyboardInterrupt):
        rollback(tracker, "films")
    monkeypatch.undo()
    assert enrol(trained, accuracy=0.1).decision == "refused"
    assert ledger(tracker)[-2:] == [("rollback", 3, 2), ("refused", 2, 2)]
    assert rollback(tracker, "films").version == 1
