"""Decisions about a model in the registry of several hosts: the ledger in the bucket decides, and the aliases follow it.

A decision is made when its object is created in the bucket; only then are the aliases moved, and then the decision's number
is noted in the registry. A host that ends in between leaves a number that was not noted: the next one sets the aliases by the
ledger. A lease keeps hosts from deciding at once. It spares work and decides nothing: whoever loses it and goes on is refused
by the bucket, and whoever sets aliases looks afterwards whether another decision came meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from tasks.crash import crash_point
from tasks.register.decisions import (
    CHALLENGER,
    CHAMPION,
    FOLLOWED_TAG,
    LEDGER_TAG,
    PREVIOUS,
    LedgerMoved,
    OwnDecisions,
    bucket_of,
    followed,
    noticed,
)
from tasks.register.ledger import Entry, Ledger, champions, timed
from tasks.register.shared_ledger import History, SharedLedger, open_ledger
from tasks.store.opened import open_bucket
from tasks.store.shared.layout import LEDGER, lease_place
from tasks.store.shared.lease import Lease
from tasks.store.shared.proof import prove_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.tracking.registry import RegisteredModel
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks whether another host has decided


@contextlib.contextmanager
def deciding_together(tracker: Tracker, name: str, address: str) -> Iterator[SharedDecisions]:
    """Hold the decisions about a name among hosts. LedgerMoved if the bucket at that address is not the one any more."""
    bucket, seconds, told = open_bucket(address), tracker.home.lease_seconds, False
    prove_once(bucket, tracker.data_root)
    lease = Lease(bucket, lease_place(LEDGER, name), seconds)
    while not lease.take():
        if not told:
            log.info("waiting for another host that decides about %s", name)
        told = True
        time.sleep(min(LOOK_SECONDS, seconds / 6))
    try:
        if bucket_of(tracker.home, tracker.registry.model(name)) != address:
            raise LedgerMoved(f"the decisions about {name} are elsewhere")
        yield SharedDecisions(tracker, name, address)
    finally:
        lease.release()


class SharedDecisions:
    """The decisions about a name in a bucket. The caller holds the model's lock on this host, and its lease."""

    def __init__(self, tracker: Tracker, name: str, address: str) -> None:
        self._tracker, self._registry, self._name, self._address = tracker, tracker.registry, name, address
        self._ledger: SharedLedger | None = None  # there is none before the first version
        self._history = History()
        self.champion: int | None = None
        self.completed: Entry | None = None
        self._open()

    def entries(self) -> list[Entry]:
        """All decisions, in order."""
        return self._history.entries

    def add(self, entry: Entry) -> None:
        """Write down a decision that changes no alias."""
        self._append(entry)

    def change(self, entry: Entry) -> None:
        """Write down a change of champion, and move the aliases."""
        self._append(entry)
        crash_point("register.entered")
        self._follow()

    def _open(self) -> None:
        """Read the ledger, and let the aliases agree with it."""
        model = self._registry.model(self._name)
        if model is None:
            return
        self._ledger = open_ledger(self._tracker.home, model, self._address)
        self._history = self._ledger.read()
        if LEDGER_TAG not in model.tags:
            self._begin(self._ledger)
        done = followed(model)
        if done > self._history.last:
            log.warning("%s: decision %d and others are gone from %s", self._name, done, self._ledger.place)
        self._agree(model, done)

    def _begin(self, ledger: SharedLedger) -> None:
        """Take the ledger of this machine over if this is the first to come, and name the bucket in the registry."""
        own = Ledger(self._tracker.home.ledger)
        number = len(own.entries(self._name))
        if self._history.last and number:
            told = "%s: %d decisions in %s stay there; those in %s count from now on"
            log.warning(told, self._name, number, own.path, ledger.place)
        elif number or own.begun(self._name):
            past = OwnDecisions(self._tracker, self._name).entries()  # once what was cut short here is completed
            with contextlib.suppress(LedgerMoved):  # another host's was first
                ledger.append(past, after=0, taken_over=True)
                log.info("%s: %d decisions of this host are in %s from now on", self._name, len(past), ledger.place)
            crash_point("register.taken_over")
            self._history = ledger.read()
        self._registry.set_model_tag(self._name, LEDGER_TAG, self._address)
        crash_point("register.named")

    def _agree(self, model: RegisteredModel, done: int) -> None:
        """Complete a change that was cut short; else note a champion that somebody has set outside of textmill."""
        line = champions(self.entries())
        known, alias = line[-1] if line else None, model.aliases.get(CHAMPION)
        if pending := self._history.after(done):
            self.completed = pending[-1]
            told = "%s: the %s of version %d had been cut short; the aliases are set by the ledger now"
            log.warning(told, self._name, pending[-1].action, pending[-1].version)
        elif alias is not None and alias != known:
            self._append(noticed(self._name, alias, known))
        elif alias == known and (alias is None or model.aliases.get(CHALLENGER) != alias):
            self.champion = alias
            return
        self._follow()

    def _append(self, entry: Entry) -> None:
        if self._ledger is None:
            self._open()  # the first version was registered since
            if self.champion is not None:
                raise LedgerMoved(f"{self._name} has a champion by now")
        if self._ledger is None:
            raise ValueError(f"{self._name} has no version to decide about")
        entry = timed(entry)
        written = self._ledger.append([entry], after=self._history.last)
        self._history = History(written.number, [*self._history.objects, written])

    def _follow(self) -> None:
        """Set the aliases by the last decision, until there is none behind it."""
        ledger = self._ledger
        while ledger is not None:
            if not ledger.is_last(self._history.last):
                self._history = ledger.read()
                continue
            line, last = champions(self.entries()), self._history.last
            there = {version.version for version in self._registry.versions(self._name)}
            self.champion = line[-1] if line and line[-1] in there else None
            if self.champion is not None:
                self._point(self.champion, line[-2] if len(line) > 1 and line[-2] in there else None)
            self._registry.set_model_tag(self._name, FOLLOWED_TAG, str(last))
            crash_point("register.recorded")
            if ledger.is_last(last):
                return

    def _point(self, champion: int, previous: int | None) -> None:
        """Set the aliases; each only if it is another."""
        aliases = self._registry.aliases(self._name)
        if previous is None and PREVIOUS in aliases:
            self._registry.delete_alias(self._name, PREVIOUS)
        elif previous is not None and aliases.get(PREVIOUS) != previous:
            self._registry.set_alias(self._name, PREVIOUS, previous)
        crash_point("register.previous_set")
        if aliases.get(CHAMPION) != champion:
            self._registry.set_alias(self._name, CHAMPION, champion)
        crash_point("register.champion_set")
        if aliases.get(CHALLENGER) == champion:
            self._registry.delete_alias(self._name, CHALLENGER)
        crash_point("register.promoted")
