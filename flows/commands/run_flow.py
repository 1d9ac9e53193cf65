"""Run a flow for a verb: on a Prefect server that is started or found, with its imports while the server starts."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from typing import TYPE_CHECKING, Any

from flows.commands.printing import complain
from flows.servers.server import Server
from tasks.config import RefreshConfig
from tasks.engine.engines import check_engine
from tasks.store.opened import check_store, check_workers
from tasks.writable import make_data_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.commands.options import Session
    from tasks.config import LanguageConfig, PipelineConfig


def run_flow(name: str, config: PipelineConfig | LanguageConfig | RefreshConfig, session: Session) -> dict[str, Any]:
    """Run a flow on a Prefect server and return its result; a failed run raises what failed it."""
    make_data_root(config.runtime.data_root)
    if isinstance(config, RefreshConfig):  # it has nothing in the store, and sends its documents
        check_engine(config.runtime)
    else:
        check_store(config.runtime)
        check_workers(config.runtime, config.runtime.data_root)
    print("starting the Prefect server ...", file=sys.stderr)  # noqa: T201
    with contextlib.ExitStack() as stack:

        def get_ready() -> None:
            importlib.import_module(f"flows.{name}").get_ready(config)
            from flows.servers.quiet import quiet_prefect

            stack.enter_context(quiet_prefect())  # left after the server, which has Prefect's threads end

        server = Server(config.runtime.data_root, timeout=config.runtime.server_timeout, meanwhile=get_ready)
        session.servers.append(server)
        stack.enter_context(server)
        from flows.servers.outage import run_through, tell_late

        tell_late(config.runtime.data_root, server.name)
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        result = run_through(flow, config, config.runtime.data_root, server.name)
        startup = {"startup_seconds": time.time() - session.started - result["seconds"], "server_seconds": server.seconds}
    _complain_of_outages(result["unreported"])
    return result | {name: round(seconds, 2) for name, seconds in startup.items()}


def _complain_of_outages(unreported: Mapping[str, str]) -> None:
    """Say in one line for each server what the run could not report to it."""
    names = {"prefect": "Prefect's server is gone and still shows the run as running", "mlflow": "MLflow's server is gone"}
    for server, path in unreported.items():
        complain(f"the run has ended well, but {names[server]}; the next run reports what waits in {path}")
