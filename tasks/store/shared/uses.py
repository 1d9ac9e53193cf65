"""What a run has been handed, written into the bucket before it looks for it: gc spares what a run uses.

The order is the point. A run writes down the key, then reads the manifest; gc takes the manifest away, then reads what runs
have written down, and puts back what one uses. Whichever is first, one of the two sees the other, and no clocks are compared.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from tasks.errors import UnavailableError
from tasks.store.shared.layout import run_place

if TYPE_CHECKING:
    from tasks.store.shared.bucket import Bucket

log = logging.getLogger(__name__)

RUNNING, FINISHED = "running", "finished"


class Uses:
    """The keys of one run; of a command that is no run until `begin` names one."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._keys: dict[tuple[str, str], None] = {}
        self._told: dict[str, Any] = {}
        self._run = f"command-{secrets.token_hex(8)}"
        self._tell(self._run, "", "", RUNNING)

    def begin(self, run: str, name: str, verb: str) -> None:
        """Name the run, and write it down."""
        self._tell(run, name, verb, RUNNING)
        self._write()

    def add(self, step: str, key: str) -> None:
        """Write down a key."""
        if (step, key) not in self._keys:
            self._keys[step, key] = None
            self._write()

    def end(self, status: str) -> None:
        """Write down how the run ended, as far as the bucket answers."""
        self._told["status"] = status
        if not self._bucket.answers:
            return
        try:
            self._write()
        except UnavailableError as error:
            log.warning("the end of this run is not noted for textmill gc of other hosts: %s", error)

    def _tell(self, run: str, name: str, verb: str, status: str) -> None:
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._run, self._told = run, {"name": name, "verb": verb, "status": status, "started": started}

    def _write(self) -> None:
        written = self._told | {"keys": [list(each) for each in self._keys]}
        self._bucket.overwrite(run_place(self._run), json.dumps(written).encode())
