"""Flow runs under way and their processes, so that one that was killed does not stay `Running` in Prefect for ever.

A killed process cannot report its end. Each run of a command leaves a file below `<data root>/runs`, before Prefect
hears that it runs, and each run of a monitor's flow one in a folder of its own. It is named for the flow run, the process and
the time it started, and holds the host's name and that of its last start; the next run finds the files of dead processes of
its own host and reports in their place. A run that its worker has already reported, or that another server knows, is left as it
is, and so is one of another host: its heartbeat says how it is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import TYPE_CHECKING
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from tasks.processes import is_of_other_host, runs_on, start_time, this_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

FOLDER = "running"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """Note below `folder` that this process works on its flow run, while it does; reports runs that were killed before."""
    crash_dead(folder)
    identity = flow_run.get_id()
    if identity is None:  # called as a plain function
        yield
        return
    for place in (folder.parent, folder):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = note_run(folder, identity)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def note_run(folder: Path, flow_run_id: str) -> Path:
    """Note below `folder` that this process works on a flow run; the note, to be deleted when Prefect knows its end."""
    note = folder / FOLDER / f"{flow_run_id}.{os.getpid()}.{start_time(os.getpid())}"
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.touch(mode=0o600)
    note.write_text(json.dumps(this_host()))
    return note


def crash_dead(folder: Path) -> list[str]:
    """Set every run to Crashed that is noted below `folder` and has no process and no end; returns the ids of the flow runs."""
    crashed = []
    for note in sorted((folder / FOLDER).glob("*.*.*")):
        identity, pid, started = note.name.split(".")
        host = _host_of(note)
        if is_of_other_host(host) or runs_on(host, int(pid), started):
            continue
        try:
            changed = crash_in_prefect(identity)
        except HTTPError as error:  # no answer; the note is kept for the next one
            log.warning("run %s was killed, and Prefect did not take the report (%s)", identity, type(error).__name__)
            continue
        note.unlink(missing_ok=True)
        if changed:
            log.warning("run %s was killed; Prefect shows it as crashed now", identity)
            crashed.append(identity)
    return crashed


def _host_of(note: Path) -> dict[str, str] | None:
    """The host that wrote a note; earlier versions left them empty."""
    try:
        return dict(json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def ended_in_prefect(flow_run_id: str) -> bool:
    """Whether the server knows a flow run, and that it has ended."""
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound, ValueError):
        state = client.read_flow_run(UUID(flow_run_id)).state
        return state is not None and state.is_final()
    return False


def crash_in_prefect(flow_run_id: str) -> bool:
    """Set a flow run to Crashed if the server knows it and takes it for running or about to; whether it did."""
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound, ValueError):
        if client.read_flow_run(UUID(flow_run_id)).state_type in (StateType.PENDING, StateType.RUNNING):
            client.set_flow_run_state(UUID(flow_run_id), Crashed(message="the process was killed"), force=True)
            return True
    return False
