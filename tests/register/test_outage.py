"""From when on a registration waits for a server that went away, and that nobody waits for it a second time."""

import os
import time
from typing import Any

import pytest

from tasks.errors import UnavailableError
from tasks.register.waiting import OUTAGE_SECONDS, through_outages
from tasks.tracking.client import RETRIES
from tasks.tracking.registry import RegistryOutage


class Tracking:
    """Stands for a tracker whose server is gone for good; `unanswered_since` is when it noticed."""

    def __init__(self, unanswered_since: float | None) -> None:
        self.unanswered_since = unanswered_since
        self.home = self
        self.uri = "http://mlflow"
        self.waited_until: list[float] = []
        self.given_up = False

    def answers_before(self, deadline: float) -> bool:
        self.waited_until.append(deadline)
        return len(self.waited_until) < 2

    def give_up(self) -> None:
        self.given_up = True


@pytest.mark.parametrize(
    ("unanswered_since", "asked", "begins"),
    [
        (None, 107.0, 107.0),  # it went away while the model was registered
        (101.0, 107.0, 101.0),  # noticed by the last words of the step before, which may have hung
        (50.0, 107.0, 100.0),  # it has been away for long: there was nothing to register before
    ],
)
def test_an_outage_is_waited_for_once_from_when_it_began(
    monkeypatch: pytest.MonkeyPatch, unanswered_since: float | None, asked: float, begins: float
) -> None:
    monkeypatch.setenv(RETRIES, "1")
    retries = []

    def fails() -> None:
        retries.append(os.environ[RETRIES])
        raise RegistryOutage("no answer", since=asked)

    tracker: Any = Tracking(unanswered_since)
    with pytest.raises(UnavailableError, match=r"did not answer for 40 s: .* no promotion is recorded"):
        through_outages(tracker, "news", fails, ready=100.0)
    assert tracker.waited_until == [begins + OUTAGE_SECONDS] * 2
    assert tracker.given_up
    assert (retries, os.environ[RETRIES]) == (["0", "0"], "1")


def test_an_outage_without_a_time_begins_now() -> None:
    before = time.monotonic()
    assert before <= RegistryOutage("no answer").since <= time.monotonic()
