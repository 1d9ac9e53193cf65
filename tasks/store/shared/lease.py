"""A lease says who seems to be building, so that others wait for the result. It saves work and decides nothing.

A holder writes its lease anew every third of its time. Another takes over once the lease has not changed for its whole time by
the other's own monotonic clock: no clocks are compared, and an owner that is dead or hangs never blocks. One that was thought
dead and goes on building loses at the manifest.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING

from tasks.errors import UnavailableError
from tasks.store.shared.bucket import Unsure

if TYPE_CHECKING:
    from tasks.store.shared.bucket import Bucket, Version

log = logging.getLogger(__name__)

JOIN_SECONDS = 5.0  # for a renewal that is under way


class Lease:
    """The lease of one place, as one process sees it."""

    def __init__(self, bucket: Bucket, place: str, seconds: float) -> None:
        self._bucket, self._place, self._seconds = bucket, place, seconds
        self._token = secrets.token_hex(8)
        self._seen: tuple[Version, float] | None = None  # another's version, and since when it is so
        self._version: Version | None = None  # ours
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def take(self) -> bool:
        """Take the lease if nobody has it, or if its owner has not been heard of for its whole time; whether we have it."""
        found, now = self._bucket.read(self._place), time.monotonic()
        if found is not None:
            if self._seen is None or self._seen[0] != found.version:
                self._seen = found.version, now
            if now - self._seen[1] < self._seconds:
                return False
            log.info("whoever was building %s has not been heard of for %g s; going on without", self._place, self._seconds)
        self._version = self._written(0, None if found is None else found.version)
        if self._version is None:
            return False
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()
        return True

    def release(self) -> None:
        """Let go of it, as far as the bucket answers; else its time runs out."""
        self._ended.set()
        if self._renewing is not None and self._bucket.answers:
            self._renewing.join(JOIN_SECONDS)
        if self._version is None or not self._bucket.answers:
            return
        try:
            if self._is_ours():
                self._bucket.delete([self._place])
        except UnavailableError as error:
            log.info("the lease of %s runs out by itself (%s)", self._place, error)

    def _renew(self) -> None:
        count = 0
        while not self._ended.wait(self._seconds / 3):
            count += 1
            try:
                self._version = self._written(count, self._version)
            except UnavailableError:  # the step itself will say so if it lasts
                continue
            if self._version is None:
                log.info("another has taken the lease of %s over; the first to finish counts", self._place)
                return

    def _written(self, count: int, over: Version | None) -> Version | None:
        """The version after our write; None if another has it. An answer that was lost is read back."""
        data = json.dumps({"token": self._token, "count": count}).encode()
        try:
            return self._bucket.write(self._place, data, over=over)
        except Unsure:
            found = self._bucket.read(self._place)
            return found.version if found is not None and self._token.encode() in found.data else None

    def _is_ours(self) -> bool:
        found = self._bucket.read(self._place)
        return found is not None and self._token.encode() in found.data
