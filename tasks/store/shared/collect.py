"""Garbage collection of a bucket beside runs of any host, and the removal of what held a forgotten text.

Nothing is locked. What no run of late has written down (see uses.py) is taken away by a conditional write of its manifest; then
what runs have written down is read once more, and what one of them uses by now is put back. Files are deleted last: those of no
manifest, once they are a day old by the bucket's own clock. What another gc has taken away is that one's to put back or to
delete, for a day too: several may work at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tasks.store.shared.bucket import Object, Unsure
from tasks.store.shared.entry import FORGOTTEN, LONGEST_REMOVED, Entry, read_entry, removed
from tasks.store.shared.failures import unavailable
from tasks.store.shared.layout import (
    DATA,
    DATA_PARTS,
    LEASES,
    MANIFESTS,
    PROBES,
    RUNS,
    forgotten_place,
    is_manifest,
    manifest_place,
    step_and_key,
)
from tasks.store.shared.uses import FINISHED
from tasks.store.sweep import CHECKPOINT_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from tasks.store.shared.bucket import Bucket, Listed

log = logging.getLogger(__name__)

GRACE = timedelta(days=1)  # what is younger may be on its way to a manifest, or to a run
UNFINISHED = timedelta(days=CHECKPOINT_DAYS)  # an interrupted run may go on for so long
TRIES = 5

Name = tuple[str, str]  # step and key


@dataclass
class Roots:
    """What recent runs use, and the runs that say nothing any more."""

    used: set[Name] = field(default_factory=set)
    old: list[str] = field(default_factory=list)


def collect(
    bucket: Bucket, *, keep_runs: int, dry_run: bool = False, grace: timedelta = GRACE, leftovers: timedelta = GRACE
) -> dict[str, Any]:
    """Remove what none of the last `keep_runs` finished runs of each model uses, on any host; say how much that was.

    Artifacts younger than `grace` are kept, and files of no manifest, leases and probes younger than `leftovers`.
    """
    now = bucket.now()
    roots = find_roots(bucket, keep_runs, now)
    listed = [each for each in bucket.list(MANIFESTS) if each.size > LONGEST_REMOVED and is_manifest(each.place)]
    unused = {step_and_key(each.place) for each in listed if now - each.written >= grace} - roots.used
    gone = _read(bucket, unused) if dry_run else _taken_away(bucket, unused)
    roots = find_roots(bucket, keep_runs, now)  # once more, after that
    for name in gone.keys() & roots.used:
        taken = gone.pop(name)
        if not dry_run:
            _put_back(bucket, name, taken)
    data, freed = _without_manifest(bucket, gone, oldest=now - leftovers)
    rest = [each.place for prefix in (LEASES, PROBES) for each in bucket.list(prefix) if now - each.written >= leftovers]
    if not dry_run:
        bucket.delete([*data, *rest, *roots.old])
    return {
        "address": bucket.address,
        "removed": len(gone),
        "kept": len(listed) - len(gone),
        "files": len(data),
        "freed_mb": round(freed / 1e6, 1),
        "dry_run": dry_run,
    }


def find_roots(bucket: Bucket, keep_runs: int, now: datetime) -> Roots:
    """What the last finished runs of each model and verb use, and runs that may still go on."""
    finished: dict[tuple[str, str], list[tuple[str, str, list[Name]]]] = {}
    roots = Roots()
    for listed in bucket.list(RUNS):
        found = bucket.read(listed.place)
        if found is None:
            continue
        try:
            record = json.loads(found.data)
            keys = [(str(step), str(key)) for step, key in record["keys"]]
            model, started, status = (str(record["name"]), str(record["verb"])), str(record["started"]), record["status"]
        except (ValueError, KeyError, TypeError) as error:  # what it used may be collected: it is built again if it is wanted
            log.warning("%s in %s is not what a run wrote (%s)", listed.place, bucket.address, type(error).__name__)
            if now - listed.written > UNFINISHED:
                roots.old.append(listed.place)
            continue
        if status == FINISHED:
            finished.setdefault(model, []).append((started, listed.place, keys))
        elif now - listed.written <= UNFINISHED:
            roots.used |= set(keys)
        else:
            roots.old.append(listed.place)
    for runs in finished.values():
        runs.sort(reverse=True)
        roots.used |= {name for _, _, keys in runs[:keep_runs] for name in keys}
        roots.old += [place for _, place, _ in runs[keep_runs:]]
    return roots


def stored(bucket: Bucket) -> list[Name]:
    """Step and key of every manifest that was not removed, in order."""
    listed = (each.place for each in bucket.list(MANIFESTS) if each.size > LONGEST_REMOVED)
    return sorted(step_and_key(place) for place in listed if is_manifest(place))


def forget(bucket: Bucket, names: Iterable[Name]) -> int:
    """Remove artifacts that held a forgotten text, so that no host hands on its copy; how many were there.

    Each is noted, so that hosts delete their copies at their next run.
    """
    number = 0
    for step, key in names:
        bucket.overwrite(forgotten_place(step, key), b"")
        number += _removed_for_good(bucket, step, key)
        bucket.delete([each.place for each in bucket.list(f"{DATA}/{step}/{key}")])
    return number


def forget_unreachable(bucket: Bucket) -> int:
    """Delete every file that no manifest names, however young: what a killed upload left may hold the text; how many."""
    for each in bucket.list(MANIFESTS):
        if each.size <= LONGEST_REMOVED and is_manifest(each.place):
            _removed_by_us(bucket, each.place)
    data, _ = _without_manifest(bucket, {}, oldest=None)
    bucket.delete(data)
    return len(data)


def _removed_by_us(bucket: Bucket, place: str) -> None:
    """Remove a manifest that a gc has removed once more, so that this gc cannot put it back."""
    found = bucket.read(place)
    if found is not None and len(found.data) <= LONGEST_REMOVED and found.data != FORGOTTEN:
        with contextlib.suppress(Unsure):  # it is another's by now, or was ours
            bucket.write(place, removed(), over=found.version)


def _removed_since(bucket: Bucket, oldest: datetime | None) -> set[Name]:
    """The artifacts whose manifests were removed later than `oldest`."""
    if oldest is None:
        return set()
    listed = (each for each in bucket.list(MANIFESTS) if each.size <= LONGEST_REMOVED and is_manifest(each.place))
    return {step_and_key(each.place) for each in listed if each.written > oldest}


def _read(bucket: Bucket, names: Iterable[Name]) -> dict[Name, Object]:
    """The manifests of artifacts that were not removed."""
    found = {name: bucket.read(manifest_place(*name)) for name in sorted(names)}
    return {name: each for name, each in found.items() if each is not None and len(each.data) > LONGEST_REMOVED}


def _taken_away(bucket: Bucket, names: Iterable[Name]) -> dict[Name, Object]:
    """Remove manifests; the bytes of each that is ours to put back, with the version of what stands in its place."""
    taken = {}
    for name, found in _read(bucket, names).items():
        own = removed()
        try:
            taken[name] = Object(found.data, bucket.write(manifest_place(*name), own, over=found.version))
        except Unsure:
            now = bucket.read(manifest_place(*name))
            if now is not None and now.data == own:  # the answer was lost; what another gc has removed is not ours
                taken[name] = Object(found.data, now.version)
    return taken


def _put_back(bucket: Bucket, name: Name, taken: Object) -> None:
    try:
        bucket.write(manifest_place(*name), taken.data, over=taken.version)
    except Unsure as why:  # whoever wants it has committed it anew, or will
        log.info("%s/%s was not put back (%s)", *name, why)


def _removed_for_good(bucket: Bucket, step: str, key: str) -> bool:
    """Remove one manifest; whether there was an artifact. Where there is none at all nothing is written."""
    place = manifest_place(step, key)
    for _ in range(TRIES):
        found = bucket.read(place)
        if found is None or found.data == FORGOTTEN:
            return False
        try:
            bucket.write(place, FORGOTTEN, over=found.version)
        except Unsure:
            continue
        return len(found.data) > LONGEST_REMOVED
    raise unavailable(bucket.address, f"{place} is written again and again; let no run use the bucket meanwhile")


def _without_manifest(bucket: Bucket, gone: Mapping[Name, Object], *, oldest: datetime | None) -> tuple[list[str], int]:
    """The files of attempts that no manifest names, and their bytes.

    Those are the attempts of the manifests that are `gone`, and others of which no file is younger than `oldest`, since one may
    be on its way to its manifest, and whose manifest no other gc has removed since, which may put it back. What belongs to a
    manifest that cannot be read is left.
    """
    fresh = _removed_since(bucket, oldest)
    attempts: dict[tuple[str, str, str], list[Listed]] = {}
    for each in bucket.list(DATA):
        if len(parts := each.place.split("/")) >= DATA_PARTS:  # what somebody else has put there is left
            attempts.setdefault((parts[1], parts[2], parts[3]), []).append(each)
    taken_away = {(*name, read_entry(taken, *name).attempt) for name, taken in gone.items()}
    entries: dict[Name, Entry] = {}
    found: list[Listed] = []
    for place, files in attempts.items():
        step, key, attempt = place
        if place in taken_away:
            found += files
            continue
        if (step, key) in fresh or (oldest is not None and max(each.written for each in files) > oldest):
            continue
        if (step, key) not in entries:
            entries[step, key] = read_entry(bucket.read(manifest_place(step, key)), step, key)
        entry = entries[step, key]
        if entry.attempt != attempt and not entry.damage:
            found += files
    return [each.place for each in found], sum(each.size for each in found)
