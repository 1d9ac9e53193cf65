"""Which version answers: the alias is followed, back too, and what cannot be loaded leaves the old one serving."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import RequestError
from tasks.serve import versions
from tasks.serve.versions import Follower, Wanted, wanted
from tasks.tracking.tracker import Tracker
from tests.served import NAME


@pytest.fixture
def told() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def follower(tracker: Tracker, told: list[tuple[str, dict[str, Any]]]) -> Follower:
    tracker.registry.set_alias(NAME, "champion", 1)
    made = Follower(tracker, Wanted(NAME, "champion"), lambda event, **values: told.append((event, values)))
    made.start()
    return made


def answers(follower: Follower) -> int | None:
    return follower.served.version if follower.served else None


@pytest.mark.parametrize(
    ("model", "expected"),
    [("news", ("news", "champion")), ("新闻@previous", ("新闻", "previous")), ("news/12", ("news", "12"))],
)
def test_a_model_is_named_with_an_alias_or_a_number(model: str, expected: tuple[str, str]) -> None:
    assert wanted(model) == expected


@pytest.mark.parametrize("model", ["", "@champion", "news@", "news/"])
def test_what_names_no_model_is_refused(model: str) -> None:
    with pytest.raises(RequestError, match="give NAME@ALIAS"):
        wanted(model)


def test_the_alias_is_followed_there_and_back(follower: Follower, tracker: Tracker, told: list[Any]) -> None:
    seen = []
    for number in (1, 2, 3, 1, 1):
        tracker.registry.set_alias(NAME, "champion", number)
        seen.append((follower.look(), answers(follower)))
    assert seen == [(False, 1), (True, 2), (True, 3), (True, 1), (False, 1)]
    assert [values["version"] for event, values in told if event == "version"] == [2, 3, 1]


def test_a_number_stays_whatever_the_alias_does(tracker: Tracker) -> None:
    kept = Follower(tracker, Wanted(NAME, "2"), lambda event, **values: None)
    kept.start()
    tracker.registry.set_alias(NAME, "champion", 3)
    assert (kept.look(), answers(kept)) == (False, 2)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(
    follower: Follower, tracker: Tracker, told: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(versions, "AGAIN_SECONDS", 0.0)
    damaged = tracker.registry.verify(tracker.registry.version(NAME, 2)) / "artifacts" / "package" / "model" / "model.json"
    shutil.copy(damaged, tmp_path / "whole")
    damaged.write_text(damaged.read_text().replace("bag", "bad", 1))
    tracker.registry.set_alias(NAME, "champion", 2)
    assert (follower.look(), answers(follower), follower.pointed) == (False, 1, 2)
    assert "model.json was changed" in str(follower.problem)
    follower.look()
    assert [event for event, _ in told] == ["problem"]  # once, not at each look
    shutil.copy(tmp_path / "whole", damaged)
    assert (follower.look(), answers(follower), follower.problem) == (True, 2, None)


def test_an_alias_that_is_gone_leaves_the_version_serving(follower: Follower, tracker: Tracker) -> None:
    tracker.registry.delete_alias(NAME, "champion")
    assert (follower.look(), answers(follower)) == (False, 1)
    assert "has no alias 'champion'" in str(follower.problem)
    tracker.registry.set_alias(NAME, "champion", 1)
    assert (follower.look(), follower.problem) == (False, None)
