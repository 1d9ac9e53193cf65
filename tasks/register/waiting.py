"""Wait for an MLflow server that goes away while a model is registered."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, TypeVar

from tasks.errors import UnavailableError
from tasks.tracking.client import single_tries
from tasks.tracking.registry import RegistryOutage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)
T = TypeVar("T")

OUTAGE_SECONDS = 40.0  # how long a server that went away is waited for: a restart takes five to fifteen, or a minute under load


def through_outages(tracker: Tracker, name: str, call: Callable[[], T], *, ready: float) -> T:
    """Call, and call again when a server that went away is back within 40 s; else UnavailableError, and nothing more is asked.

    The 40 s begin when the server was first asked in vain, or at `ready` (of time.monotonic) if that is later: the moment when
    there was something to register under `name`.
    """
    deadline = None
    while True:
        try:
            with single_tries():
                return call()
        except RegistryOutage as error:
            if deadline is None:
                deadline = max(ready, min(error.since, tracker.unanswered_since or math.inf)) + OUTAGE_SECONDS
                log.warning("%s; waiting for it until %.0f s have passed", error, OUTAGE_SECONDS)
            if not tracker.answers_before(deadline):
                tracker.give_up()
                raise UnavailableError(
                    f"MLflow at {tracker.home.uri} did not answer for {OUTAGE_SECONDS:.0f} s: the registration of {name} is "
                    "not complete and no promotion is recorded; all steps before are kept: run the same command when it answers"
                ) from error
