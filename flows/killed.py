"""Runs whose process was killed: the next run gives each of them its end.

Whether a process runs is known on its own host alone. A run of another host, whose data root this one was or shares, is left
to that host, and to the heartbeat by which Prefect marks it (servers/heartbeat.py): it is closed here once Prefect shows its
end, or when it has written nothing for a week.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from httpx import HTTPError

from flows.servers.notes import write_note
from flows.servers.running import crash_in_prefect, ended_in_prefect
from tasks.durable import sweep_partials
from tasks.processes import is_of_other_host, runs_on
from tasks.tracking.spool import Unreachable
from tasks.tracking.tags import RUN_TAG

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

SILENT_SECONDS = 7 * 86_400.0  # a run writes its record with each step


def mark_killed(runs_folder: Path, tracker: Tracker) -> list[str]:
    """Close every run whose process is gone: in its record, in MLflow and in Prefect; return their ids.

    A killed process cannot say so itself, and both servers would show it as running for ever.
    """
    sweep_partials(runs_folder)
    marked = []
    for path in sorted(runs_folder.glob("*.json")):
        try:
            record = json.loads(path.read_bytes())
            dead = _is_dead(record, path)
            identity, name = record["id"], record["name"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not a record of a run (%s); left alone", path, type(error).__name__)
            continue
        except HTTPError as error:
            log.warning("Prefect did not say whether %s of another host goes on (%s)", path.stem, type(error).__name__)
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


def _is_dead(record: dict[str, Any], path: Path) -> bool:
    """Whether a run that is noted as running does not; HTTPError where Prefect is to say so and does not answer."""
    if record["status"] != "running":
        return False
    host = record.get("host")
    if is_of_other_host(host):
        return time.time() - path.stat().st_mtime > SILENT_SECONDS or ended_in_prefect(record["id"])
    return not runs_on(host, *record["process"])
