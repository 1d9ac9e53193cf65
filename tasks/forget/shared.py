"""Buckets that a data root shares: what is there is searched here, and deleted there with what is deleted here.

Records of runs and decisions about models are rewritten there: the values that hold a text, and nothing that others go by.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import UnavailableError
from tasks.forget.rewriting import IN_PLACE, without_texts
from tasks.shown import json_text
from tasks.store.shared.noted import addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.forget.forms import Wanted
    from tasks.progress import Progress
    from tasks.runtime import Runtime
    from tasks.store.shared.bucket import Bucket

TRIES = 5
Name = tuple[str, str]  # step and key


@dataclass
class Copies:
    """One bucket; `damaged` are artifacts there that cannot be read, so nobody knows what is in them; `deleted` were there.

    `records` are the records of runs and the decisions about models there that hold a text.
    """

    bucket: Bucket
    damaged: list[Name] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    deleted: int = 0

    @property
    def address(self) -> str:
        """Where it is."""
        return self.bucket.address


def open_copies(runtime: Runtime) -> list[Copies]:
    """The buckets that a data root has been used with, and the one that is given; UnavailableError if one is not there."""
    from tasks.store.opened import open_bucket

    found = [Copies(open_bucket(address)) for address in addresses_of(runtime)]
    for copies in found:
        copies.bucket.check()
    return found


def bring_all(runtime: Runtime, several: Iterable[Copies], progress: Progress) -> None:
    """Bring every artifact of the buckets here: the search finds in it what it finds in our own, and what was made of it."""
    for copies in several:
        from tasks.store.shared.collect import stored
        from tasks.store.shared.store import SharedStore

        store = SharedStore(runtime.data_root, copies.bucket, lease_seconds=runtime.store_lease)
        names = stored(copies.bucket)
        copies.damaged = []
        for number, name in enumerate(names, 1):
            if store.bring(*name) is None:
                copies.damaged.append(name)
            progress.advance(number, len(names), "artifacts", "bucket")


def look_there(several: Iterable[Copies], wanted: Wanted) -> None:
    """Find the records of runs and the decisions about models in buckets that hold a text."""
    from tasks.store.shared.layout import LEDGER, RUNS

    for copies in several:
        places = [each.place for prefix in (RUNS, LEDGER) for each in copies.bucket.list(prefix)]
        found = ((place, copies.bucket.read(place)) for place in places)
        copies.records = [place for place, object_ in found if object_ is not None and _holds(object_.data, wanted)]


def rewrite_there(several: Iterable[Copies], wanted: Wanted) -> None:
    """Put IN_PLACE for each value that holds a text in these; a decision keeps its number and its versions."""
    for copies in several:
        for place in copies.records:
            _rewrite(copies.bucket, place, wanted)


def _rewrite(bucket: Bucket, place: str, wanted: Wanted) -> None:
    from tasks.store.shared.bucket import Unsure
    from tasks.store.shared.failures import unavailable

    for _ in range(TRIES):
        found = bucket.read(place)
        if found is None or not _holds(found.data, wanted):
            return
        data = _without_texts(place, found.data, wanted)
        if data is None:
            bucket.delete([place])
            return
        with contextlib.suppress(Unsure):  # it is looked at again
            bucket.write(place, data, over=found.version)
            return
    raise unavailable(bucket.address, f"{place} is written again and again; let no run use the bucket meanwhile")


def _without_texts(place: str, data: bytes, wanted: Wanted) -> bytes | None:
    """What is to be there instead; None for a record of a run that holds a text otherwise than in a value."""
    from tasks.register.shared_ledger import read_object, sealed
    from tasks.store.shared.layout import LEDGER

    if not place.startswith(f"{LEDGER}/"):
        try:
            written = json.dumps(without_texts(json.loads(data), wanted)).encode()
        except ValueError:
            return None
        return None if _holds(written, wanted) else written
    values = read_object(data)
    if values is None:  # nobody can read it; its number stays
        return sealed({"format": 1, "token": "", "taken_over": False, "entries": []})
    entries = [without_texts(entry, wanted) for entry in values["entries"]]
    if _holds(json.dumps(entries).encode(), wanted):  # in the name of a figure
        entries = [{**entry, "reason": IN_PLACE, "figures": {}, "basis": {}} for entry in entries]
    return sealed({**{name: value for name, value in values.items() if name != "checksum"}, "entries": entries})


def _holds(data: bytes, wanted: Wanted) -> bool:
    try:
        text = json_text(json.loads(data))  # as it is read, not as it is escaped
    except ValueError:
        return bool(wanted.held_by_bytes(data))
    return bool(wanted.held_by(text))


def delete_there(several: Iterable[Copies], name: Name) -> None:
    """Delete one artifact in every bucket, with every attempt at it; no host hands on its copy of it."""
    for copies in several:
        from tasks.store.shared.collect import forget

        copies.deleted += forget(copies.bucket, [name])


def delete_unknown(several: Iterable[Copies]) -> None:
    """Delete in every bucket what nobody can look into: damaged artifacts, and files that no manifest names."""
    for copies in several:
        from tasks.store.shared.collect import forget, forget_unreachable

        copies.deleted += forget(copies.bucket, copies.damaged)
        forget_unreachable(copies.bucket)


def left_there(several: Sequence[Copies], names: Iterable[Name], wanted: Wanted) -> list[str]:
    """Which of these artifacts, and which records that hold a text, a bucket still has."""
    deleted, left = set(names), []
    for copies in several:
        from tasks.store.shared.collect import stored

        try:
            left += [f"{copies.address} {step}/{key}" for step, key in stored(copies.bucket) if (step, key) in deleted]
            there = Copies(copies.bucket)
            look_there([there], wanted)
            left += [f"{copies.address} {place}" for place in there.records]
        except UnavailableError:
            left.append(copies.address)
    return left
