"""The store of a data root in front of a bucket that other hosts use too: what is found or committed here is so for all.

`find` looks into the bucket first: of several builds of a key the first to be committed there is the artifact, and every host
hands on that one, whatever its own build came to. `commit` commits here, then there: work is not lost where the bucket is gone,
since what is whole here and missing there is handed over by the next `find`. Steps notice nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.durable import flush, flush_tree
from tasks.errors import UnavailableError
from tasks.store.artifact import MANIFEST, Artifact, Build, Store
from tasks.store.layout import BUILDING, DAMAGED, SCRATCH
from tasks.store.shared.bucket import Unsure
from tasks.store.shared.entry import Entry, read_entry, written
from tasks.store.shared.failures import unavailable
from tasks.store.shared.layout import FORGOTTEN, data_place, is_forgotten, lease_place, manifest_place, step_and_key
from tasks.store.shared.lease import Lease
from tasks.store.shared.proof import prove_once
from tasks.store.shared.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.store.shared.bucket import Bucket, Version
    from tasks.store.shared.exchange import Exchange

log = logging.getLogger(__name__)

DROPPED = "held a text that another host forgot: deleted; run textmill forget here too"
LOOK_SECONDS = 1.0  # between two looks for what another host builds
TRIES = 5  # writes of one manifest that were not acknowledged and are not there


class SharedStore(Store):
    """The artifacts below one data root and in a bucket."""

    def __init__(self, data_root: Path, bucket: Bucket, *, lease_seconds: float) -> None:
        super().__init__(data_root)
        self.bucket = bucket
        self._lease_seconds = lease_seconds
        self._uses = Uses(bucket)
        self._leases: dict[tuple[str, str], Lease] = {}
        self._broken: dict[tuple[str, str], Version | None] = {}  # of manifests: those that were told to be damaged

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold off gc of this data root while artifacts are in use; the bucket is there and honours conditions."""
        with super().reading():
            self.prove()
            self.drop_forgotten()
            yield

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold off gc of this data root, and ask the bucket nothing."""
        with super().reading():
            yield

    def exchange(self, build: Build, given: Path) -> Exchange | None:
        """See `Store`."""
        from tasks.store.shared.exchange import open_exchange

        return open_exchange(self, build.step, build.key, given)

    def prove(self) -> None:
        """See that the bucket is there; at the first use of its address, that it honours conditions."""
        prove_once(self.bucket, self.data_root)

    def drop_forgotten(self) -> None:
        """Delete our copies of artifacts that held a text which another host forgot, set-aside ones and leftovers too."""
        for listed in self.bucket.list(FORGOTTEN):
            if not is_forgotten(listed.place):
                continue
            step, key = step_and_key(listed.place)
            found = [*self._aside(step, key), *([self.place(step, key)] if os.path.lexists(self.place(step, key)) else [])]
            if not found:
                continue
            with super().locked(step, key):
                entry = self._entry(step, key)
                if entry.manifest is not None and self._own_manifest(step, key) == entry.manifest:  # it was built anew since
                    found.remove(self.place(step, key))
                for folder in found:
                    shutil.rmtree(folder, ignore_errors=True)
            if found:
                log.warning("%s/%s %s", step, key[:10], DROPPED)

    def _aside(self, step: str, key: str) -> list[Path]:
        """What damaged, killed and replaced builds of a key left."""
        name, areas = f"{step}-{key}", (self.root / DAMAGED, self.root / BUILDING)
        scratch = self.root / SCRATCH / name
        return [*(left for area in areas for left in area.glob(f"{name}-*")), *([scratch] if scratch.is_dir() else [])]

    def begin_run(self, run: str, name: str, verb: str) -> None:
        """Name the run that artifacts are handed to from now on: gc spares them."""
        self._uses.begin(run, name, verb)

    def end_run(self, status: str) -> None:
        """Note how the run ended; a bucket that does not answer is a warning, since the work is done."""
        self._uses.end(status)

    @contextlib.contextmanager
    def locked(self, step: str, key: str) -> Iterator[None]:
        """Hold the lock of one key on this host, and let go of its lease at the end."""
        with super().locked(step, key):
            try:
                yield
            finally:
                if lease := self._leases.pop((step, key), None):
                    lease.release()

    def find(self, step: str, key: str) -> Artifact | None:
        """The artifact of a key, verified, brought from the bucket if need be; None if the caller is to build it.

        Then the caller has the lease. While another host builds, this waits.
        """
        self._uses.add(step, key)  # before the bucket is looked at, as gc wants it
        lease = Lease(self.bucket, lease_place(step, key), self._lease_seconds)
        told = False
        while True:
            entry = self._entry(step, key)
            if entry.forgotten and os.path.lexists(self.place(step, key)):
                shutil.rmtree(self.place(step, key))
                log.warning("%s/%s %s", step, key[:10], DROPPED)
            if found := self._taken(entry, step, key) or self._handed_over(step, key):
                return found
            if lease.take():
                self._leases[step, key] = lease  # whatever comes, `locked` lets go of it
                if self._entry(step, key).version == entry.version:
                    return None
                self._leases.pop((step, key)).release()  # between the two looks its last owner has committed
                lease = Lease(self.bucket, lease_place(step, key), self._lease_seconds)
                continue
            if not told:
                log.info("waiting for another host that builds %s/%s", step, key[:10])
            told = True
            time.sleep(min(LOOK_SECONDS, self._lease_seconds / 6))

    def commit(
        self, build: Build, step: str, key: str, *, report: Mapping[str, Any], seconds: float, inputs: object
    ) -> Artifact:
        """Commit here and in the bucket; the artifact that counts, which is another host's if that was first."""
        made = super().commit(build, step, key, report=report, seconds=seconds, inputs=inputs)
        return self._published(step, key, made)

    def bring(self, step: str, key: str) -> Artifact | None:
        """The bucket's artifact of a key, in this store from now on; None if there is none that is whole."""
        with super().locked(step, key):
            return self._taken(self._entry(step, key), step, key)

    def mend(self, step: str, key: str) -> None:
        """Commit our artifact of a key in the place of one that is damaged in the bucket, if ours is whole."""
        with super().locked(step, key):
            if (made := super().find(step, key)) is None:
                return
            self._broken[step, key] = self._entry(step, key).version
            self._published(step, key, made)

    def _entry(self, step: str, key: str) -> Entry:
        return read_entry(self.bucket.read(manifest_place(step, key)), step, key)

    def _taken(self, entry: Entry, step: str, key: str) -> Artifact | None:
        """The bucket's artifact: our copy if it is that, else its files; None if it has none, or none that is whole."""
        if entry.damage:
            self._tell_of_damage(entry, step, key, entry.damage)
        if entry.manifest is None or self._broken.get((step, key)) == entry.version:
            return None
        if self._own_manifest(step, key) == entry.manifest and (found := super().find(step, key)):
            return found
        return self._fetched(entry, step, key)

    def _handed_over(self, step: str, key: str) -> Artifact | None:
        """Commit what is whole here and not there; the artifact that counts then, None if there is nothing here either."""
        found = super().find(step, key)
        if found is None:
            return None
        log.info("%s/%s is handed over to %s", step, key[:10], self.bucket.address)
        return self._published(step, key, found)

    def _published(self, step: str, key: str, made: Artifact) -> Artifact:
        """Upload our files, then commit them unless somebody else was first. Whatever became of the write is read back."""
        manifest, attempt, tries = self._own_manifest(step, key), "", 0
        while True:
            entry = self._entry(step, key)
            if attempt and entry.attempt == attempt:
                return made
            if winner := self._taken(entry, step, key):
                if attempt:
                    self._discard(step, key, attempt)
                if winner.digest != made.digest:
                    log.info("another host's %s/%s was first and is taken in place of our own", step, key[:10])
                return winner
            attempt = attempt or self._uploaded(manifest, step, key)
            try:
                self.bucket.write(manifest_place(step, key), written(attempt, manifest), over=entry.version)
            except Unsure as why:
                tries += 1
                if tries > TRIES:
                    raise unavailable(self.bucket.address, str(why)) from None
                continue
            crash_point(f"{step}.shared")
            return made

    def _uploaded(self, manifest: Mapping[str, Any], step: str, key: str) -> str:
        """Upload the files of our artifact; the name of the attempt."""
        attempt = secrets.token_hex(8)
        for name in manifest["files"] | manifest["side_files"]:
            self.bucket.upload(data_place(step, key, attempt, name), self.place(step, key) / name)
            crash_point(f"{step}.file_uploaded")
        return attempt

    def _discard(self, step: str, key: str, attempt: str) -> None:
        """Delete the files of an attempt that no manifest names; gc does it if the bucket does not answer."""
        with contextlib.suppress(UnavailableError):
            self.bucket.delete([each.place for each in self.bucket.list(data_place(step, key, attempt))])

    def _fetched(self, entry: Entry, step: str, key: str) -> Artifact | None:
        """Bring an artifact's files here, verified, and put them in place whole; None if one of them is damaged."""
        area, place = self.root / BUILDING, self.place(step, key)
        area.mkdir(parents=True, exist_ok=True)
        for left in area.glob(f"{step}-{key}-*"):  # of a killed process; the lock is ours
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{step}-{key}-", dir=area))
        try:
            for name, known in entry.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                found = self.bucket.download(data_place(step, key, entry.attempt, name), folder / name, known["bytes"])
                if found != known["sha256"]:
                    what = "is missing or of another size" if found is None else "has other bytes than were written"
                    self._tell_of_damage(entry, step, key, f"{name} {what}")
                    return None
            (folder / MANIFEST).write_text(json.dumps(entry.manifest, indent=1, ensure_ascii=True))
            flush_tree(folder)
            crash_point(f"{step}.fetched")
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place):
                aside = self._set_aside(place, step, key)
                log.info("%s/%s is another one in the bucket; ours is set aside as %s", step, key[:10], aside)
            os.replace(folder, place)
            flush(place.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        log.info("%s/%s brought from %s", step, key[:10], self.bucket.address)
        return self.recorded(step, key)[0]

    def _tell_of_damage(self, entry: Entry, step: str, key: str, what: str) -> None:
        if self._broken.get((step, key)) != entry.version:
            self._broken[step, key] = entry.version
            log.warning("damaged in %s: %s/%s: %s; it is replaced", self.bucket.address, step, key, what)

    def _own_manifest(self, step: str, key: str) -> dict[str, Any]:
        """The manifest of our copy with its checksum, as it was written; empty if there is none that can be read."""
        try:
            found = json.loads((self.place(step, key) / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
