"""The version that answers: the one its alias points at, verified and loaded while the one before it goes on answering."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError, UnavailableError
from tasks.names import normal
from tasks.register.models import CHAMPION, load_version
from tasks.score.replies import with_replies
from tasks.tracking.registry import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.register.models import LoadedModel
    from tasks.tracking.tracker import RegistryReader, Tracker

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0  # until a version that did not load is tried again


class Wanted(NamedTuple):
    """A model, and the alias that is followed, or the number of the version that is kept."""

    name: str
    version: str


def wanted(model: str) -> Wanted:
    """`NAME@ALIAS`, `NAME/VERSION`, or `NAME` for its champion; RequestError without a name."""
    name, at, alias = normal(model).partition("@")
    slash = ""
    if not at:
        name, slash, alias = name.partition("/")
    if not name or not (alias or not (at or slash)):
        raise RequestError(f"{model!r} names no model to serve; give NAME@ALIAS or NAME/VERSION")
    return Wanted(name, alias or CHAMPION)


class Follower:
    """Keeps the version loaded that an alias points at. `look` blocks, and one thread at a time may call it.

    `served` is the version that answers, None before the first look. `problem` is one line on why it is not the one that is
    wanted, and `since` the time (time.monotonic) at which that was first seen.
    """

    def __init__(self, tracker: RegistryReader | Tracker, model: Wanted, tell: Callable[..., None]) -> None:
        self.wanted = model
        self.served: LoadedModel | None = None
        self.pointed: int | None = None
        self.problem: str | None = None
        self._tracker, self._tell = tracker, tell
        self._failed, self._again = -1, 0.0

    def start(self) -> LoadedModel:
        """Load the version that is wanted now; RequestError or UnavailableError if that cannot be done."""
        version = self._tracker.registry.version(*self.wanted)
        self.served, self.pointed = self._loaded(version.version), version.version
        return self.served

    def look(self) -> bool:
        """See where the alias points, and load that version if it is another one; whether another one answers now."""
        try:
            number = self._number()
        except Exception as error:  # noqa: BLE001 whatever it is, the version that is loaded goes on answering
            self._note(None, f"the registry cannot be read: {_line(error)}")
            return False
        self.pointed = number
        if self.served is not None and self.served.version == number:
            self.problem, self._failed = None, -1
            return False
        if number == self._failed and time.monotonic() < self._again:
            return False
        before = self.served
        try:
            self.served = self._loaded(number)
        except Exception as error:  # noqa: BLE001 a model's own code may raise whatever it likes
            self._failed, self._again = number, time.monotonic() + AGAIN_SECONDS
            self._note(number, f"version {number} cannot be loaded: {_line(error)}")
            return False
        self.problem, self._failed = None, -1
        self._tell("version", model=self.wanted.name, version=number, before=before.version if before else None)
        return True

    def _number(self) -> int:
        name, version = self.wanted
        if version.isascii() and version.isdigit():
            return int(version)
        number = self._tracker.registry.aliases(name).get(version)
        if number is None:
            raise RequestError(f"model {name} has no alias {version!r} now")
        return number

    def _loaded(self, number: int) -> LoadedModel:
        """A version that has labelled a text, so that it works and its first request need not wait."""
        loaded = load_version(self._tracker, self._tracker.registry.version(self.wanted.name, number))
        with_replies(loaded, [EXAMPLE], loaded.model.predict([EXAMPLE]))
        return loaded

    def _note(self, number: int | None, problem: str) -> None:
        if problem != self.problem:
            self._tell("problem", model=self.wanted.name, version=number, problem=problem)
        self.problem = problem


def _line(error: Exception) -> str:
    own = isinstance(error, RequestError | UnavailableError)
    return " ".join((str(error) if own else f"{type(error).__name__}: {error}").split())
