"""Runs that any host may do, and the worker of a host that takes them: `<data root>/workers.json`.

A host joins the servers of another one (`textmill up --worker-only`): its worker asks them for runs in the queue ANYWHERE, so
many at a time, and each run works in this host's data root. What the deployment says about the section `runtime` is true of the
host where it was made; here this host's own settings take its place.
"""

from __future__ import annotations

import json
import os
import socket
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from flows.servers.notes import write_note
from tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.config import FoldsConfig, PipelineConfig

    Config = TypeVar("Config", PipelineConfig, FoldsConfig)

FILE = "workers.json"
VARIABLE = "TEXTMILL_HOST"  # in a worker's environment: the settings of `runtime` that are this host's, as JSON
ANY_HOST = {"TEXTMILL_ANY_HOST": "1"}  # in that of a run that any host may do
ANY_WORKER = "any-worker"  # its name among the services


@dataclass(frozen=True)
class Joined:
    """How many runs of any host this one does at a time, and the address of the Prefect server of another host, if it is."""

    at_once: int
    server: str = ""


def read_joined(data_root: Path) -> Joined | None:
    """What `textmill up` wrote down; None where this host takes no such runs of its own accord."""
    try:
        written = json.loads((data_root / FILE).read_bytes())
        return Joined(int(written["at_once"]), str(written["server"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_joined(data_root: Path, joined: Joined | None) -> None:
    """Write it down for the next `up`, or remove it."""
    if joined is None:
        (data_root / FILE).unlink(missing_ok=True)
    else:
        write_note(data_root / FILE, asdict(joined))


def host_environment(runtime: Runtime) -> Mapping[str, str]:
    """What a worker is told about this host: its data root, and what is not as by default."""
    given = {**runtime.model_dump(mode="json", exclude_defaults=True), "data_root": str(runtime.data_root)}
    return {VARIABLE: json.dumps(given)}


def worker_name(data_root: Path) -> str:
    """What Prefect calls the worker of a data root: by its host, and by the folder where one host has several."""
    return f"{socket.gethostname()}-{zlib.crc32(str(data_root).encode()):08x}"


def on_this_host(config: Config) -> Config:
    """The configuration of a run that any host may do, with this host's own runtime; that of any other run as it is."""
    given: Any = os.environ.get(VARIABLE)
    if not given or not os.environ.keys() >= ANY_HOST.keys():
        return config
    runtime = Runtime.model_validate(config.runtime.model_dump() | json.loads(given))
    return config.model_copy(update={"runtime": runtime})
