"""Runs whose process was killed: the next run gives each of them its end."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from httpx import HTTPError

from flows.servers.notes import write_note
from flows.servers.running import crash_in_prefect
from tasks.durable import sweep_partials
from tasks.processes import runs
from tasks.tracking.spool import Unreachable
from tasks.tracking.tags import RUN_TAG

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)


def mark_killed(runs_folder: Path, tracker: Tracker) -> list[str]:
    """Close every run whose process is gone: in its record, in MLflow and in Prefect; return their ids.

    A killed process cannot say so itself, and both servers would show it as running for ever.
    """
    sweep_partials(runs_folder)
    marked = []
    for path in sorted(runs_folder.glob("*.json")):
        try:
            record = json.loads(path.read_bytes())
            dead = record["status"] == "running" and not runs(*record["process"])
            identity, name = record["id"], record["name"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is not a record of a run (%s); left alone", path, type(error).__name__)
            continue
        if dead:
            try:
                crash_in_prefect(identity)
                left = tracker.running(name, {RUN_TAG: identity})
            except (HTTPError, Unreachable) as error:  # its record stays as it is, for the next run
                log.warning("run %s was killed, and a server did not take the report (%s)", identity, type(error).__name__)
                continue
            for run_id in left:
                tracker.finish(run_id, "KILLED")
            log.warning("run %s of %s was killed; its record says so now", identity, name)
            write_note(path, record | {"status": "killed"})
            marked.append(identity)
    return marked
