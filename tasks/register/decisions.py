"""Who is champion of a name, and how that changes: one decision after the other, each written down.

Decisions are in the ledger of this machine, under a lock that is a file. Those about a model in the registry of several hosts
are in a bucket that the hosts share (see shared_decisions.py); the registered model's tag LEDGER_TAG names the bucket.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from tasks.crash import crash_point
from tasks.errors import RequestError, UnavailableError
from tasks.register.ledger import Entry, Ledger, champions
from tasks.store.shared.address import PACKAGE as LIBRARY
from tasks.store.shared.address import check_installed, is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from tasks.register.shared_ledger import SharedLedger
    from tasks.tracking.home import TrackingHome
    from tasks.tracking.registry import RegisteredModel
    from tasks.tracking.tracker import RegistryReader, Tracker

    T = TypeVar("T")

log = logging.getLogger(__name__)

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
LEDGER_TAG = "textmill.ledger"  # of a registered model: the bucket with its decisions
FOLLOWED_TAG = "textmill.ledger_entry"  # of a registered model: the decision that its aliases were set by
TRIES = 10


class LedgerMoved(Exception):  # noqa: N818 said as it is
    """Another host decided about the same model meanwhile, so what was decided here has no ground any more."""


class Decisions(Protocol):
    """The decisions about one name, held by whoever has `deciding` open.

    `champion` is today's; ledger and aliases agree about it. `completed` is a change of champion that had been cut short and
    was completed now.
    """

    champion: int | None
    completed: Entry | None

    def entries(self) -> list[Entry]:
        """All decisions, in order."""

    def add(self, entry: Entry) -> None:
        """Write down a decision that changes no alias. LedgerMoved if another host was quicker."""

    def change(self, entry: Entry) -> None:
        """Write down a change of champion, and move the aliases. LedgerMoved if another host was quicker; nothing is moved."""


@contextlib.contextmanager
def deciding(tracker: Tracker, name: str) -> Iterator[Decisions]:
    """Hold the decisions about a name: no other process, and where it is shared no other host, decides meanwhile.

    A change that was cut short is completed first. UnavailableError: the bucket does not answer. LedgerMoved may come from the
    block too; see `decided_again`.
    """
    with tracker.home.locked(f"model-{name}"):
        address = bucket_of(tracker.home, tracker.registry.model(name))
        if address is None:
            yield OwnDecisions(tracker, name)
            return
        _check_library(name, address)
        from tasks.register.shared_decisions import deciding_together

        with deciding_together(tracker, name, address) as decisions:
            yield decisions


def decided_again(decide: Callable[[], T]) -> T:
    """Decide, and again from what is so by then, as long as other hosts are quicker."""
    for _ in range(TRIES):
        with contextlib.suppress(LedgerMoved):
            return decide()
        log.info("another host decided meanwhile; deciding again")
    raise UnavailableError(f"other hosts decided about the same model {TRIES} times meanwhile; run the same command again")


def all_decisions(tracker: Tracker | RegistryReader) -> list[Entry]:
    """The decisions about every model, in order; those that are in buckets too."""
    models = {model.name: model for model in tracker.registry.models()}
    shared = {name: model for name, model in models.items() if LEDGER_TAG in model.tags}
    found = [entry for entry in Ledger(tracker.home.ledger).entries() if entry.name not in shared]
    if not shared:
        return found
    for model in shared.values():
        found += _shared_ledger(tracker.home, model).read().entries
    return sorted(found, key=lambda entry: entry.time)  # hosts' clocks, which decide nothing


def decisions_about(tracker: Tracker | RegistryReader, name: str) -> list[Entry]:
    """The decisions about one name, in order."""
    model = tracker.registry.model(name)
    if model is None or LEDGER_TAG not in model.tags:
        return Ledger(tracker.home.ledger).entries(name)
    return _shared_ledger(tracker.home, model).read().entries


def champion_of(tracker: Tracker | RegistryReader, name: str) -> int | None:
    """A name's champion: by its alias, or by the ledger of several hosts where that is ahead of the alias."""
    model = tracker.registry.model(name)
    if model is None:
        return None
    ahead = champion_ahead(tracker, model)
    return model.aliases.get(CHAMPION) if ahead is None else ahead


def champion_ahead(tracker: Tracker | RegistryReader, model: RegisteredModel) -> int | None:
    """The champion by the ledger of several hosts, if its alias is still another: the host ended before it had set it."""
    if LEDGER_TAG not in model.tags:
        return None
    history = _shared_ledger(tracker.home, model).read()
    if not history.after(followed(model)):
        return None
    line = champions(history.entries)
    return line[-1] if line and line[-1] != model.aliases.get(CHAMPION) else None


def bucket_of(home: TrackingHome, model: RegisteredModel | None) -> str | None:
    """The address of the bucket with a model's decisions, or where they are to be; None where they are this machine's.

    RequestError if the registry names one that is none.
    """
    named = None if model is None else model.tags.get(LEDGER_TAG)
    if named is not None and model is not None and not is_address(named):
        raise RequestError(
            f"model {model.name}: its tag {LEDGER_TAG} in {home.uri} is no address of a bucket; correct it there"
        )
    return named or (home.bucket if home.database is None else None)


def followed(model: RegisteredModel) -> int:
    """The number of the decision that a model's aliases were set by; 0 for none."""
    number = model.tags.get(FOLLOWED_TAG, "")
    return int(number) if number.isascii() and number.isdigit() else 0


def _shared_ledger(home: TrackingHome, model: RegisteredModel) -> SharedLedger:
    address = bucket_of(home, model)
    if address is None:
        raise ValueError(f"the decisions about {model.name} are this machine's")
    _check_library(model.name, address)
    from tasks.register.shared_ledger import open_ledger

    return open_ledger(home, model, address)


def _check_library(name: str, address: str) -> None:
    try:
        check_installed()
    except RequestError:
        raise RequestError(
            f"the decisions about model {name} are in {address}, and the package {LIBRARY} is not installed; "
            "run pip install 'textmill[objects]'"
        ) from None


class OwnDecisions:
    """The decisions about a name in this machine's ledger. The caller holds the model's lock.

    The ledger has a change as begun before any alias moves, so that the aim of one that was cut short can be read from it. If
    it was cut short after the champion's alias had moved it gets its line; before, it is as if it had never begun.
    """

    def __init__(self, tracker: Tracker, name: str) -> None:
        self._registry, self._name = tracker.registry, name
        self._ledger = Ledger(tracker.home.ledger)
        self.completed = self._complete()
        self.champion = self._notice()

    def entries(self) -> list[Entry]:
        """All decisions, in order."""
        return self._ledger.entries(self._name)

    def add(self, entry: Entry) -> None:
        """Write down a decision that changes no alias."""
        self._ledger.append(entry)

    def change(self, entry: Entry) -> None:
        """Write down a change of champion, and move the aliases."""
        version = entry.version
        line = champions([*self.entries(), entry])
        previous = line[-2] if entry.from_version is not None and len(line) > 1 else None
        self._ledger.append(replace(entry, begun=True))
        crash_point("register.begun")
        self._set_previous(None if previous == version else previous)
        crash_point("register.previous_set")
        self._registry.set_alias(self._name, CHAMPION, version)
        crash_point("register.champion_set")
        if self._registry.aliases(self._name).get(CHALLENGER) == version:
            self._registry.delete_alias(self._name, CHALLENGER)
        crash_point("register.promoted")
        self._ledger.append(entry)
        crash_point("register.recorded")
        self.champion = version

    def _complete(self) -> Entry | None:
        """Write the line of a change that was cut short between its alias and that line; returns it, if there was one."""
        begun = self._ledger.begun(self._name)
        if begun is None or self._registry.aliases(self._name).get(CHAMPION) != begun.to_version:
            return None
        told = "%s: the %s of version %d had been cut short; its line is written now"
        log.warning(told, self._name, begun.action, begun.version)
        return self._ledger.append(replace(begun, begun=False))

    def _notice(self) -> int | None:
        """The champion by its alias, once ledger and other aliases agree with it."""
        aliases = self._registry.aliases(self._name)
        champion = aliases.get(CHAMPION)
        line = champions(self.entries())
        known = line[-1] if line else None
        if champion is not None and champion != known:
            self._ledger.append(noticed(self._name, champion, known))
        elif self._ledger.begun(self._name) is not None:
            there = {version.version for version in self._registry.versions(self._name)}
            self._set_previous(line[-2] if len(line) > 1 and line[-2] in there else None)
        if champion is not None and aliases.get(CHALLENGER) == champion:
            self._registry.delete_alias(self._name, CHALLENGER)
        return champion

    def _set_previous(self, version: int | None) -> None:
        if version is not None:
            self._registry.set_alias(self._name, PREVIOUS, version)
        elif PREVIOUS in self._registry.aliases(self._name):
            self._registry.delete_alias(self._name, PREVIOUS)


def noticed(name: str, champion: int, known: int | None) -> Entry:
    """The entry of a champion whose alias was set outside of textmill."""
    log.warning("%s: version %s is champion, the ledger knows %s; noted", name, champion, known)
    return Entry(name, champion, "noticed", known, champion, "the alias was set outside of textmill")
