"""When the Prefect server goes away in mid-run: the work goes on, and its end is told to Prefect later.

Prefect's engine asks its server before and after a flow's function, and not in between. What the function has done by then is
done: that a server cannot be told of it, within Prefect's own fourteen seconds of repetitions, makes no failure of it. The end
of such a run is kept in `<data root>/runs/unreported/<flow run id>.json` and told by the next run that uses the same server,
which showed it as running until then. A run that a worker has started ends in Prefect's own engine: its worker tells of it.
"""

from __future__ import annotations

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
from prefect.runtime import flow_run
from prefect.states import Completed, Crashed, Failed

from tasks.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from prefect import Flow
    from prefect.client.schemas.objects import State
    from pydantic import BaseModel

log = logging.getLogger(__name__)

FOLDER = ("runs", "unreported")
STATES = {"Completed": Completed, "Failed": Failed, "Crashed": Crashed}


class Ending:
    """How the function of one flow run ended, whatever Prefect was told of it."""

    def __init__(self) -> None:
        self.flow_run_id: str | None = None
        self.result: dict[str, Any] | None = None
        self.error: BaseException | None = None

    def of(self, flow: Flow[..., dict[str, Any]]) -> Flow[..., dict[str, Any]]:
        """The flow with a function that leaves its end here."""
        watched, function = copy.copy(flow), flow.fn

        @functools.wraps(function)
        def noting(*arguments: Any, **keywords: Any) -> dict[str, Any]:
            self.flow_run_id = str(flow_run.get_id())
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


def run_through(flow: Flow[..., dict[str, Any]], config: BaseModel, data_root: Path, server: str) -> dict[str, Any]:
    """Run a flow and return or raise what its function did, also where Prefect's server could not be told of it.

    `server` names the server beyond this run. In the result, `unreported` says where waits what could not be told: `prefect` ->
    a file. UnavailableError if the server went away before the function began.
    """
    ending, told = Ending(), False
    try:
        state: State = ending.of(flow)(config, return_state=True)  # type: ignore[assignment] # what overloads would say
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
    waiting = None if told else _tell_or_keep(ending, data_root, server)
    if ending.error is not None:
        raise ending.error
    assert ending.result is not None
    unreported = ending.result.get("unreported", {}) | ({"prefect": str(waiting)} if waiting else {})
    return ending.result | {"unreported": unreported}


def tell_late(data_root: Path, server: str) -> None:
    """Tell the server how runs ended that it did not hear of; what it cannot be told now waits on."""
    for path in sorted(data_root.joinpath(*FOLDER).glob("*.json")):
        try:
            kept = json.loads(path.read_bytes())
            if kept["server"] != server:
                continue
            _set_state(path.stem, STATES[kept["state"]](message=kept["message"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s tells of no run (%s); left alone", path, type(error).__name__)
            continue
        except HTTPError as error:
            log.warning("Prefect could not be told how run %s ended (%s)", path.stem, type(error).__name__)
            return
        path.unlink(missing_ok=True)


def _tell_or_keep(ending: Ending, data_root: Path, server: str) -> Path | None:
    """Tell Prefect how a run ended; the file where that is kept for the next run, or None if it took it."""
    assert ending.flow_run_id is not None
    name, message = ending.state()
    try:
        _set_state(ending.flow_run_id, STATES[name](message=message))
    except HTTPError:
        path = data_root.joinpath(*FOLDER, f"{ending.flow_run_id}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(json.dumps({"server": server, "state": name, "message": message}))
        os.replace(partial, path)
        return path
    return None


def _set_state(flow_run_id: str, state: State) -> None:
    """Set the state of a flow run, if the server knows it."""
    with get_client(sync_client=True) as client:
        try:
            client.set_flow_run_state(UUID(flow_run_id), state, force=True)
        except ObjectNotFound:
            log.warning("Prefect does not know run %s (any more)", flow_run_id)
