"""The processes that `textmill up` started, in `<data root>/services.json`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.processes import folder_identity, is_of, runs, start_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "services.json"
STOP_SECONDS = 10.0


class PidFile:
    """The processes that were started, by id and start time, so that a reused id is never taken for one of ours.

    In a copy of a data root they belong to the original: `down` in the copy must not stop the servers of the original.
    """

    def __init__(self, data_root: Path) -> None:
        self.path = data_root / FILE

    def add(self, name: str, pid: int, url: str = "") -> None:
        """Remember a process, and where it answers."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"pid": pid, "started": start_time(pid), "url": url, "folder": folder_identity(self.path.parent)}
        self._write(self._read() | {name: entry})

    def adopt_prefect(self, home: Path) -> None:
        """Remember the Prefect server that stays, if one runs that an interrupted start could not write down here."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            written = json.loads((home / "server.json").read_text())
            if (
                written["stays"]
                and is_of(home, written.get("folder"))
                and runs(*written["process"])
                and not (self.running("prefect") and self.url("prefect"))
            ):
                self.add("prefect", written["process"][0], url=written["url"])

    def forget(self, name: str) -> None:
        """Let a process that does not run be missing no more."""
        written = self._read()
        if name in written and not self.running(name):
            del written[name]
            self._write(written)

    def names(self) -> list[str]:
        """What was started and not stopped since."""
        return list(self._read())

    def missing(self) -> list[str]:
        """What was started, was not stopped since, and does not run: it was killed, or the machine started anew."""
        return [name for name in self._read() if not self.running(name)]

    def running(self, name: str) -> int | None:
        """The id of the process, if it still runs."""
        entry = self._read().get(name)
        return int(entry["pid"]) if entry and runs(entry["pid"], entry["started"]) else None

    def url(self, name: str) -> str:
        """Where the process answers."""
        return str(self._read().get(name, {}).get("url", ""))

    def stop(self, name: str) -> bool:
        """End the process group: politely, then for good."""
        pid = self.running(name)
        if pid is None:
            return False
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, sign)
            deadline = time.monotonic() + STOP_SECONDS
            while self.running(name) and time.monotonic() < deadline:
                time.sleep(0.1)
            if not self.running(name):
                break
        return True

    def _write(self, written: Mapping[str, Any]) -> None:
        with replaced(self.path) as partial:
            partial.write_text(json.dumps(written))

    def _read(self) -> dict[str, Any]:
        try:
            written = dict(json.loads(self.path.read_text()))
            return {name: entry for name, entry in written.items() if is_of(self.path.parent, entry.get("folder"))}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}
