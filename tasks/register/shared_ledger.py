"""The decisions about one registered model in a bucket: objects with numbers, each created once.

Who decides reads all of them and creates the one after the last: of two that decide at once the second is refused, and decides
again from what is so by then. No number is left out and none is used twice. Whatever became of a write is read back. Nothing
replaces an object but `forget`, which leaves its number and what was decided.
"""

from __future__ import annotations

import json
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.register.decisions import LedgerMoved
from tasks.register.ledger import MOVES, Entry
from tasks.shown import json_text
from tasks.store.digests import sha256_text
from tasks.store.opened import open_bucket
from tasks.store.shared.bucket import Unsure
from tasks.store.shared.failures import unavailable
from tasks.store.shared.layout import ledger_folder
from tasks.writable import writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.store.shared.bucket import Bucket, Listed, Object
    from tasks.tracking.home import TrackingHome
    from tasks.tracking.registry import RegisteredModel

log = logging.getLogger(__name__)

FORMAT = 1
DIGITS = 12
AT_ONCE = 16  # objects that are read side by side
TRIES = 5  # writes of one object that were not acknowledged and are not there


@dataclass(frozen=True)
class Written:
    """One object: its decisions, of which there are several where the ledger of one machine was taken over."""

    number: int
    entries: Sequence[Entry]
    taken_over: bool = False


@dataclass(frozen=True)
class History:
    """All objects in order; `last` is the last number, 0 if there is none."""

    last: int = 0
    objects: Sequence[Written] = field(default_factory=tuple)

    @property
    def entries(self) -> list[Entry]:
        """All decisions, in order."""
        return [entry for each in self.objects for entry in each.entries]

    def after(self, number: int) -> list[Entry]:
        """The changes of champion behind a number, without what was taken over: aliases were set by that before."""
        found = (each for each in self.objects if each.number > number and not each.taken_over)
        return [entry for each in found for entry in each.entries if entry.action in MOVES]


class SharedLedger:
    """The decisions about one registered model. `cache` is a file of this host's with copies of what it has read."""

    def __init__(self, bucket: Bucket, name: str, created: int, cache: Path) -> None:
        self._bucket, self._name, self._folder, self._cache = bucket, name, ledger_folder(name, created), cache

    def read(self) -> History:
        """All decisions; an object that is not what was written is logged and left out."""
        listed = {number: each for each in self._bucket.list(self._folder) if (number := _number(each.place)) is not None}
        kept = self._kept()
        known = {number: kept[number][1] for number, each in listed.items() if kept.get(number, ("",))[0] == _stamp(each)}
        missing = sorted(listed.keys() - known.keys())
        known |= self._fetched(missing)
        whole = {number: values for number, data in known.items() if (values := read_object(data)) is not None}
        if missing or whole.keys() != kept.keys():
            self._keep({str(number): [_stamp(listed[number]), known[number]] for number in whole})
        for number in sorted(known.keys() - whole.keys()):
            log.warning("decision %d in %s is not what was written and was left out", number, self.place)
        last = max(listed, default=0)
        if gaps := last - len(listed):
            log.warning("%d of the %d decisions in %s are gone", gaps, last, self.place)
        return History(last, [self._written(number, whole[number]) for number in sorted(whole)])

    def is_last(self, number: int) -> bool:
        """Whether nothing was decided behind a number."""
        return self._bucket.read(self._place(number + 1)) is None

    def append(self, entries: Sequence[Entry], *, after: int, taken_over: bool = False) -> Written:
        """Create the object behind `after`; LedgerMoved if another is there.

        UnavailableError if the bucket does not say what became of it.
        """
        number, why = after + 1, ""
        place, data = self._place(number), _object(entries, taken_over=taken_over)
        for _ in range(TRIES):
            try:
                self._bucket.write(place, data, over=None)
            except Unsure as error:
                why = str(error)
                found = self._bucket.read(place)
                if found is None:
                    continue
                if found.data != data:
                    raise LedgerMoved(f"another host has written {place}") from None
            return Written(number, entries, taken_over)
        raise unavailable(self._bucket.address, why)

    @property
    def place(self) -> str:
        """Where they are, for a person."""
        return f"{self._bucket.address}/{self._folder}"

    def _place(self, number: int) -> str:
        return f"{self._folder}/{number:0{DIGITS}d}"

    def _fetched(self, numbers: Sequence[int]) -> dict[int, str]:
        """What is in several objects; those that are gone by now are left out."""

        def fetch(number: int) -> Object | None:
            return self._bucket.read(self._place(number))

        if len(numbers) < 3:
            found = list(map(fetch, numbers))
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = list(pool.map(fetch, numbers))
        return {n: each.data.decode("utf-8", "replace") for n, each in zip(numbers, found, strict=True) if each is not None}

    def _written(self, number: int, values: Mapping[str, Any]) -> Written:
        entries = [Entry(**{**each, "name": self._name}) for each in values["entries"]]
        return Written(number, entries, values["taken_over"])

    def _kept(self) -> dict[int, tuple[str, str]]:
        """The copies of this host by number, each with its stamp; none where they cannot be read."""
        try:
            found = json.loads(self._cache.read_bytes())
            return {int(number): (str(stamp), str(data)) for number, (stamp, data) in found.items() if read_object(data)}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _keep(self, copies: Mapping[str, Sequence[str]]) -> None:
        if not writable(self._cache):
            return
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        with replaced(self._cache, mode=0o600) as partial:
            partial.write_text(json_text(copies), encoding="utf-8")


def open_ledger(home: TrackingHome, model: RegisteredModel, address: str) -> SharedLedger:
    """The decisions about a registered model in a bucket; RequestError where the library for buckets is missing."""
    cache = home.copies_of_decisions(model.name, model.created)
    return SharedLedger(open_bucket(address), model.name, model.created, cache)


def read_object(data: str | bytes) -> dict[str, Any] | None:
    """The values of an object of a ledger; None if it is not what was written."""
    try:
        values = json.loads(data)
        summed = {name: value for name, value in values.items() if name != "checksum"}
        [Entry(**each) for each in values["entries"]]
        whole = (
            values["checksum"] == _checksum(summed) and values["format"] == FORMAT and isinstance(values["taken_over"], bool)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return values if whole else None


def sealed(values: Mapping[str, Any]) -> bytes:
    """An object with its checksum."""
    return json_text({**values, "checksum": _checksum(values)}, sort_keys=True).encode()


def _object(entries: Sequence[Entry], *, taken_over: bool) -> bytes:
    own = {"format": FORMAT, "token": secrets.token_hex(8), "taken_over": taken_over}
    return sealed(json.loads(json.dumps({**own, "entries": [asdict(entry) for entry in entries]})))  # as it will be read back


def _checksum(values: Mapping[str, Any]) -> str:
    return sha256_text(json.dumps({name: value for name, value in values.items() if name != "checksum"}, sort_keys=True))


def _number(place: str) -> int | None:
    """The number of an object of the folder; None for what somebody else has put there."""
    name = place.rpartition("/")[2]
    return int(name) if len(name) == DIGITS and name.isascii() and name.isdigit() else None


def _stamp(listed: Listed) -> str:
    """What changes when an object is replaced."""
    return f"{listed.size} {listed.written.isoformat()} {listed.e_tag}"
