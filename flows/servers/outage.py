"""When the Prefect server goes away in mid-run: the work goes on, and its end is reported to Prefect later.

Prefect's engine asks its server before and after a flow's function, and not in between. By then the work is done: the run has
not failed because a server did not take the report within Prefect's own fourteen seconds of repetitions. The end of such a run
is kept in `<data root>/runs/unreported/<flow run id>.json` and reported by the next run that uses the same server, which showed
it as running until then. A run that a worker has started ends in Prefect's own engine: its worker reports it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Crashed, Failed, Pending

from flows.servers.notes import write_note
from flows.servers.running import crash_dead, note_run
from tasks.crash import crash_point
from tasks.durable import sweep_partials
from tasks.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State
    from pydantic import BaseModel

log = logging.getLogger(__name__)

FREQUENCY_VARIABLE = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
RUNS, FOLDER = "runs", "unreported"
STATES = {"Completed": Completed, "Failed": Failed, "Crashed": Crashed}


class Ending:
    """How the function of one flow run ended, whether Prefect knows it or not."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self.error: BaseException | None = None

    def of(self, flow: Flow[..., dict[str, Any]]) -> Flow[..., Any]:
        """The flow with a function that leaves its end here."""
        watched, function = copy.copy(flow), flow.fn

        @functools.wraps(function)
        def noting(*arguments: Any, **keywords: Any) -> dict[str, Any]:
            crash_point("flow.running")
            try:
                self.result = function(*arguments, **keywords)
            except BaseException as error:
                self.error = error
                raise
            return self.result

        # Prefect looks names of types up where `fn` was written, which is here now.
        noting.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
        watched.fn = noting
        return watched

    def state(self) -> tuple[str, str]:
        """Name and message of the state that Prefect is to show."""
        when = f"ended at {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC, while this server did not answer"
        if self.error is None:
            return "Completed", when
        name = "Failed" if isinstance(self.error, Exception) else "Crashed"
        return name, f"{type(self.error).__name__}: {self.error}"[:1000] + f" ({when})"


@contextlib.contextmanager
def without_heartbeat() -> Iterator[None]:
    """Have flows that run in the block send no heartbeat, unless the environment says how often.

    Nobody judges the run of a command by it, and its end would wait for the thread that sends it, up to a second.
    """
    if FREQUENCY_VARIABLE in os.environ:
        yield
        return
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


class Prefect:
    """What the end of a run needs of Prefect: its server, and its engine around a flow."""

    def begin(self, flow: Flow[..., dict[str, Any]], config: BaseModel) -> FlowRun:
        """Make a flow run that does not run yet, so that a note of it can be written before it does."""
        with get_client(sync_client=True) as client:
            return client.create_flow_run(flow, parameters=flow.serialize_parameters({"config": config}), state=Pending())

    def run(self, flow: Flow[..., Any], begun: FlowRun, config: BaseModel) -> State[Any]:
        """Run a flow as the flow run that was made; the state in which it ends."""
        with without_heartbeat():
            state: State[Any] = run_flow(flow, begun, {"config": config}, return_type="state")  # type: ignore[assignment]
        return state

    def set_state(self, flow_run_id: UUID, state: State[Any]) -> None:
        """Set the state of a flow run, if the server knows it."""
        with get_client(sync_client=True) as client:
            try:
                client.set_flow_run_state(flow_run_id, state, force=True)
            except ObjectNotFound:
                log.warning("Prefect does not know run %s (any more)", flow_run_id)


PREFECT = Prefect()


def run_through(
    flow: Flow[..., dict[str, Any]], config: BaseModel, data_root: Path, server: str, *, prefect: Prefect = PREFECT
) -> dict[str, Any]:
    """Run a flow and return or raise what its function did, even if Prefect's server did not take the report.

    `server` names the server beyond this run. In the result, `unreported` names the file of a report that could not be sent:
    `prefect` -> the file. UnavailableError if the server went away before the function began.
    """
    ending, told = Ending(), False
    try:
        begun = prefect.begin(flow, config)
        note = note_run(data_root / RUNS, str(begun.id))
        crash_point("flow.noted")
        state = prefect.run(ending.of(flow), begun, config)
        if ending.result is None and ending.error is None:
            state.result()  # raises what was wrong with the parameters
        told = state.is_completed() == (ending.error is None)
    except Exception as error:
        if ending.result is None and ending.error is None:
            if not isinstance(error, HTTPError):
                raise
            raise UnavailableError(
                f"the Prefect server {server} stopped answering before the run began; start it and run again"
            ) from error
    waiting = None if told else _tell_or_keep(prefect, begun.id, ending, data_root, server)
    note.unlink(missing_ok=True)
    if ending.error is not None:
        raise ending.error
    assert ending.result is not None
    unreported = ending.result.get("unreported", {}) | ({"prefect": str(waiting)} if waiting else {})
    return ending.result | {"unreported": unreported}


def tell_late(data_root: Path, server: str, *, prefect: Prefect = PREFECT) -> None:
    """Send the server the reports of runs that it did not take when they ended; those it does not take now stay."""
    crash_dead(data_root / RUNS)
    folder = data_root / RUNS / FOLDER
    sweep_partials(folder)
    for path in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(path.read_bytes())
            if kept["server"] != server:
                continue
            prefect.set_state(UUID(path.stem), STATES[kept["state"]](message=kept["message"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is not a report of a run (%s); left alone", path, type(error).__name__)
            continue
        except HTTPError as error:
            log.warning("Prefect did not take the report of how run %s ended (%s)", path.stem, type(error).__name__)
            return
        path.unlink(missing_ok=True)


def _tell_or_keep(prefect: Prefect, flow_run_id: UUID, ending: Ending, data_root: Path, server: str) -> Path | None:
    """Tell Prefect how a run ended; the file where that is kept for the next run, or None if it took it."""
    name, message = ending.state()
    try:
        prefect.set_state(flow_run_id, STATES[name](message=message))
    except HTTPError:
        path = data_root / RUNS / FOLDER / f"{flow_run_id}.json"
        write_note(path, {"server": server, "state": name, "message": message})
        return path
    return None
