"""Several hosts on this machine: processes with a home and a data root of their own, and the servers that they share.

It is one kernel and one clock; what hosts do not share here is files, parents of processes and what a home holds. The servers
are those of `textmill up --database --artifacts`, over a real PostgreSQL and moto.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from flows.servers.joined import ANY_WORKER
from flows.servers.pidfile import PidFile
from flows.servers.server import free_port
from tasks.config import PipelineConfig
from tests.command_line import FOREIGN, TEXTMILL
from tests.patience import HANGS_SECONDS, until
from tests.postgresql import PASSWORD, USER, postgresql
from tests.s3 import BUCKET, S3, s3_server

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.states import State

CHECKOUT = Path(__file__).resolve().parents[1]
NEVER = "0 0 29 2 *"


@dataclass
class Host:
    """A host: what it has of its own, and the commands that run there."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """Its data root."""
        return self.folder / "root"

    def environment(self) -> dict[str, str]:
        """What its commands see: nothing of ours that names a server."""
        own = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "AWS_", "PG", "COV_"))}
        own |= {"HOME": str(self.folder), "PREFECT_WORKER_QUERY_SECONDS": "1", "TEXTMILL_RUNTIME__WORKERS": "1"}
        return own | {"TEXTMILL_RUNTIME__SERVER_TIMEOUT": str(HANGS_SECONDS)} | self.variables

    def textmill(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*TEXTMILL, *words, "--runtime.data-root", str(self.root)]
        return subprocess.run(
            command, cwd=CHECKOUT, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def must(self, *words: str) -> str:
        """Run a command that must succeed; what it says."""
        made = self.textmill(*words)
        if made.returncode:
            raise RuntimeError(f"{' '.join(words)}: {made.stdout} {made.stderr}"[-2000:])
        return made.stdout

    def join(self, at_once: int = 1) -> None:
        """Start its worker."""
        self.must("up", "--worker-only", "--at-once", str(at_once))

    def record(self) -> PidFile:
        """What `textmill up` started on it."""
        return PidFile(self.root)

    def processes(self) -> list[psutil.Process]:
        """Its worker and all that came of it."""
        pid = PidFile(self.root).running(ANY_WORKER)
        with contextlib.suppress(psutil.NoSuchProcess):
            worker = psutil.Process(pid or 0)
            return [worker, *worker.children(recursive=True)]
        return []

    def die(self) -> None:
        """End everything that runs on it at once, as a loss of power does."""
        for process in (found := self.processes()):
            process.suspend()  # the worker must not see its run end
        for process in found:
            process.kill()
        psutil.wait_procs(found, timeout=HANGS_SECONDS)

    def records(self) -> dict[str, dict[str, Any]]:
        """The records of its runs, by flow run."""
        found = {}
        for path in (self.root / "runs").glob("*.json"):
            with contextlib.suppress(ValueError, FileNotFoundError):
                found[path.stem] = json.loads(path.read_bytes())
        return found


@dataclass
class Team:
    """The host of the servers, the hosts that join it, and the bucket."""

    servers: Host
    hosts: list[Host]
    s3: S3
    client: SyncPrefectClient

    def deploy(self, config: PipelineConfig) -> str:
        """Deploy a training for any host; its name."""
        from flows.servers.deploy import deploy, make_plans

        return deploy(make_plans(config, None, train_cron=NEVER, anywhere=True))[0]

    def start(self, deployment: str) -> UUID:
        """Start a run of a deployment."""
        return self.client.create_flow_run_from_deployment(self.client.read_deployment_by_name(deployment).id).id

    def state(self, run: UUID) -> str:
        """What Prefect calls its state."""
        return self.client.read_flow_run(run).state_name or ""

    def states(self, run: UUID) -> list[State[Any]]:
        """Every state that it was in."""
        return self.client.read_flow_run_states(run)

    def where(self, run: UUID) -> Host | None:
        """The host that works on a run."""
        return next((host for host in self.hosts if str(run) in host.records()), None)

    def built(self, name: str) -> Counter[str]:
        """How often the finished runs of a name have built each step, by the hosts' own records."""
        records = [each for host in self.hosts for each in host.records().values() if each["name"] == name]
        results = [each["result"] for each in records if each.get("result")]  # a run that was killed has none
        stages = [stage for result in results for stage in (result.get("stages") or {}).items()]
        return Counter(step for step, stage in stages if not stage["cached"])

    def attempts(self, prefix: str) -> dict[str, int]:
        """How often each step has been built into a prefix of the bucket: step/key -> times."""
        found: dict[str, set[str]] = {}
        for place in self.s3.places(f"{prefix}/data/"):
            step, key, attempt = place.removeprefix(f"{prefix}/data/").split("/")[:3]
            found.setdefault(f"{step}/{key}", set()).add(attempt)
        return {name: len(each) for name, each in found.items()}


@contextlib.contextmanager
def team(folder: Path, number: int = 2) -> Iterator[Team]:
    """Servers, and so many hosts that have joined them; all of it ends with the block."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    with postgresql(PASSWORD) as database, s3_server() as s3, contextlib.ExitStack() as stack:
        s3.make()
        keys, ports = s3.environment(), (free_port(), free_port())
        servers = Host(folder / "servers", {**keys, "PGPASSWORD": PASSWORD})
        stack.callback(servers.textmill, "down")
        words = ["--port", str(ports[0]), "--mlflow-port", str(ports[1]), "--artifacts", f"s3://{BUCKET}/mlflow"]
        servers.must("up", "--database", f"postgresql://{USER}@127.0.0.1:{database}/postgres", "--at-once", "1", *words)
        servers.processes()[0].kill()  # its own worker for such runs: they are to be done by the others
        word, api = (servers.root / "prefect" / "password").read_text(), f"http://127.0.0.1:{ports[0]}/api"
        login = {"PREFECT_API_AUTH_STRING": f"textmill:{word}", "MLFLOW_TRACKING_PASSWORD": word}
        login |= {"PREFECT_API_URL": api, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{ports[1]}"}
        login |= {"MLFLOW_TRACKING_USERNAME": "textmill"}
        hosts = [Host(folder / f"host-{each}", {**keys, **login}) for each in range(1, number + 1)]
        for host in hosts:
            stack.callback(host.textmill, "down")
            host.join()
        stack.enter_context(temporary_settings({PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: f"textmill:{word}"}))
        client = stack.enter_context(get_client(sync_client=True))
        yield Team(servers, hosts, s3, client)


def recipe(name: str, corpus: Path, servers: Host, prefix: str, **finetune: Any) -> PipelineConfig:
    """A quick training of a corpus, whose artifacts go to a prefix of the bucket."""
    sections = {
        "ingest": {"path": corpus},
        "finetune": {"model": "bag", "threads": 1, "epochs": 3, **finetune},
        "evaluate": {"yardstick": False, "bootstrap": 100, "slices": False},
        "register": {"evidence": "test"},
        "runtime": {"data_root": servers.root, "store": f"s3://{BUCKET}/{prefix}", "store_lease": 6.0, "workers": 1},
    }
    return PipelineConfig.model_validate({"name": name, **sections})


def sample_of(path: Path, drawn: random.Random, rows: int = 240) -> Path:
    """A table of some of the embedded sample's sentences."""
    labelled = [
        (file.read_text(encoding="utf-8").strip(), label)
        for label in ("positive", "negative", "neutral")
        for file in sorted((CHECKOUT / "data" / "sample" / label).glob("*.txt"))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *drawn.sample(labelled, rows)])
    return path


def ended(team: Team, run: UUID) -> str:
    """Wait for the end of a run; its state."""

    def final() -> str:
        state = team.client.read_flow_run(run).state
        return (state.name or "") if state is not None and state.is_final() else ""

    return until(final, "the end of a run", every=0.5)
