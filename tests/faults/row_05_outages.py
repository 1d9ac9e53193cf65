"""A server outage does not change the result: Prefect's or MLflow's is killed under `textmill train` and comes back, or not.

The servers are those of `textmill up`, with their password, on ports of their own. A trial lets the command come to a step
drawn by chance, kills or stops one server, and starts it again within seconds or not before the command has ended. Where
something could not be told, the command is repeated with all servers there, and must tell it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from flows.servers.server import Endpoint, answers, free_port, launch, login
from tasks.checkout import CHECKOUT
from tasks.register.ledger import Ledger
from tasks.tracking.client import LOGIN_VARIABLES
from tasks.tracking.home import LEDGER, URI_VARIABLE, tracking_home
from tasks.tracking.server import server_environment
from tasks.tracking.tags import RUN_TAG
from tasks.tracking.tracker import PARENT_TAG, Tracker
from tests.faults.command import Command, compare, digests
from tests.faults.trained import make_corpus
from tests.patience import HANGS_SECONDS
from tests.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from mlflow import MlflowClient

NUMBER = 5
EXIT_SECONDS = 60.0
PROMISE = (
    "A server outage does not change the result: Prefect's or MLflow's server, killed at any step of `textmill train`, comes "
    "back within seconds (8 of 11 trials) or not (2), or MLflow's hangs for good (1): every step ends with the same bytes, the "
    f"command within {EXIT_SECONDS:.0f} s of its work, saying what is not reported; what was missed, values, parameters, tags "
    "and files, is reported by the same run or the next; "
    "without MLflow no promotion is recorded, which is said in one line, and the same command makes it good"
)
TAKEN_OUT = "what a flow's function has done is not kept where Prefect cannot be told: 1 of 1 trial of `prefect never` fails"
BUILT = tuple(step for step in STEPS if step not in ("pretrain", "align", "yardstick"))  # of a bag, without a yardstick
SEAMS = ("textmill train", *BUILT)
KNOBS = [  # what a server has nothing to do with is left out or small
    *("--finetune.model", "bag", "--finetune.bag.epochs", "2", "--finetune.threads", "1", "--runtime.workers", "1"),
    *("--evaluate.yardstick", "false", "--evaluate.bootstrap", "100"),
]
LIMIT_SECONDS = 1200  # a trial has up to two runs and the start of two servers, on a machine that may be busy
START_SECONDS = HANGS_SECONDS
DECISIONS = ("first", "unchanged")  # the second where a server died between the promotion and its line in the ledger
WAITING = "waiting for it until"  # said when registering, which is work too, comes upon the outage
TIMED = ("seconds", "per_second")  # of metrics that are another each time
VARYING = ("run_id", "decision", "reason", "error")  # the same of tags
DOWN_SECONDS = 5.0  # at most, before a server is started again


class Servers:
    """Prefect's and MLflow's server over databases of their own, killed and started as often as need be."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "prefect"
        self.home.mkdir(mode=0o700)
        self.word = login(self.home / "password")
        self.ports = {"prefect": free_port(), "mlflow": free_port()}
        self._store = tracking_home(None, folder / "served", CHECKOUT)
        self._store.folder.mkdir(parents=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        """Where a server answers."""
        return f"http://127.0.0.1:{self.ports[name]}" + ("/api" if name == "prefect" else "")

    def variables(self) -> dict[str, str]:
        """What makes a command use both."""
        user, _, word = self.word.partition(":")
        prefect = {"PREFECT_API_URL": self.url("prefect"), "PREFECT_API_AUTH_STRING": self.word}
        return prefect | {URI_VARIABLE: self.url("mlflow")} | dict(zip(LOGIN_VARIABLES, (user, word), strict=False))

    def start(self, name: str) -> None:
        """Start a server that does not run; it may not answer yet."""
        if name in self._running:
            return
        if name == "prefect":
            self._running[name] = launch(self.home, port=self.ports[name], stay=True).process
        else:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "flows.servers.mlflow_server", str(self.ports[name]), str(self.home / "password")],
                cwd=CHECKOUT,
                env=os.environ | server_environment(self._store),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Start what does not run and wait until both answer."""
        deadline = time.monotonic() + START_SECONDS
        for name, path in (("prefect", "admin/version"), ("mlflow", "health")):
            self.start(name)
            while not answers(Endpoint(self.url(name), self.word), path=path):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} does not answer")
                time.sleep(0.1)

    def kill(self, name: str) -> None:
        """End a server and its children with SIGKILL, as the kernel's out-of-memory killer would."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> None:
        """Have a server hang: the kernel takes connections for it, and nobody answers."""
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def close(self) -> None:
        """End both."""
        for name in list(self._running):
            self.kill(name)


SERVERS: list[Servers] = []  # those of `prepare`, while it keeps them


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Both servers, and the run that is left alone."""
    saved = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))]:
        del os.environ[name]
    make_corpus(folder / "news", 20)
    servers = Servers(folder)
    SERVERS.append(servers)
    try:
        servers.ready()
        os.environ |= {name: value for name, value in servers.variables().items() if name.startswith("MLFLOW_")}
        root = folder / "alone" / "root"
        with Command(root, folder / "news", "alone", KNOBS, servers.variables()) as command:
            if command.wait():
                raise RuntimeError(command.said())
        made = {"digests": digests(root), "mlflow": in_mlflow(root, "alone", command.result()["flow_run_id"])}
        (folder / "alone.json").write_text(json.dumps(made))
        yield
    finally:
        servers.close()
        SERVERS.clear()
        os.environ.clear()
        os.environ.update(saved)


def comes_back(server: str, random: Random, folder: Path) -> str | None:
    """Kill a server in mid-run and start it again; wrong is whatever is not as if it had been there all the time."""
    servers, whole = SERVERS[0], alone(folder)
    with started(random, folder) as command:
        servers.kill(server)
        time.sleep(random.uniform(0.0, DOWN_SECONDS))
        servers.start(server)
        code = command.wait()
        if code:
            return f"exit code {code}: {command.said()}"
    servers.ready()
    made = command.result()
    if made["unreported"]:
        again(folder)
    return judge(folder, made, whole)


def prefect_never(random: Random, folder: Path) -> str | None:
    """Kill Prefect's server, or the run's own, for good: the run ends well, says so, and the next one reports it."""
    servers, whole, own = SERVERS[0], alone(folder), random.random() < 0.5
    with started(random, folder, own_prefect=own) as command:
        if own:
            os.kill(json.loads((folder / "root" / "prefect" / "server.json").read_text())["process"][0], signal.SIGKILL)
        else:
            servers.kill("prefect")
        code = command.wait()
        late = seconds_after(command, "register  ")
        if code:
            return f"exit code {code}: {command.said()}"
    if late > EXIT_SECONDS:
        return f"it ended {late:.0f} s after its work"
    made = command.result()
    if "prefect" not in made["unreported"] or not told(command, "Prefect"):
        return f"not reported: {made['unreported']}, said: {command.said()}"
    servers.ready()
    again(folder, own_prefect=own)
    return judge(folder, made, whole, home=folder / "root" / "prefect" if own else servers.home)


def mlflow_never(random: Random, folder: Path, *, hangs: bool = False) -> str | None:
    """Kill MLflow's server for good, or let it hang, and see that all steps end, nothing is registered, and one line says so.

    The same command must make it good.
    """
    servers, whole = SERVERS[0], alone(folder)
    with started(random, folder) as command:
        (servers.stop if hangs else servers.kill)("mlflow")
        code = command.wait()
        late = seconds_after(command, "package  ", WAITING)
    if hangs:
        servers.kill("mlflow")
    if code != 1 or not told(command, "MLflow"):
        return f"exit code {code}: {command.said()}"
    if late > EXIT_SECONDS:
        return f"it ended {late:.0f} s after its work"
    if wrong := compare(folder / "root", whole["digests"]):
        return wrong
    (record,) = map(json.loads, (path.read_bytes() for path in (folder / "root" / "runs").glob("*.json")))
    if record["status"] != "failed" or "mlflow" not in record["unreported"]:
        return f"the record says {record['status']}, not reported: {record['unreported']}"
    servers.ready()
    if Ledger(folder / "root" / "mlflow" / LEDGER).entries():
        return "a promotion is recorded"
    made = again(folder)
    if built := [step for step in BUILT if not made["stages"][step]["cached"]]:
        return f"{built} were built again"
    found = in_mlflow(folder / "root", folder.name, record["id"])
    if wrong := "; ".join(other(found, without_end(whole["mlflow"], found))):
        return f"MLflow has of the run without it {wrong}"
    versions = len(Tracker.open(None, folder / "root", CHECKOUT, None).registry.versions(folder.name))
    if made["decision"] not in DECISIONS or made["model"]["alias"] != "champion" or versions != 1:
        return f"{made['model']}: {made['decision']}, {versions} versions"
    return None


@contextlib.contextmanager
def started(random: Random, folder: Path, *, own_prefect: bool = False) -> Iterator[Command]:
    """A command that has come to a step drawn by chance, and a little further."""
    SERVERS[0].ready()
    seam, further = random.choice(SEAMS), random.uniform(0.0, 0.8)
    with at_work(folder, own_prefect=own_prefect) as command:
        if not command.reaches(seam):
            raise RuntimeError(f"{seam} was not reached: {command.said()}")
        time.sleep(further)
        yield command


def at_work(folder: Path, *, own_prefect: bool) -> Command:
    """A command on the data root of a trial, without Prefect's server where it shall start its own."""
    hidden = ("PREFECT_",) if own_prefect else ()
    variables = {name: value for name, value in SERVERS[0].variables().items() if not name.startswith(hidden)}
    return Command(folder / "root", folder.parent / "news", folder.name, KNOBS, variables)


def again(folder: Path, *, own_prefect: bool = False) -> dict[str, Any]:
    """The same command with all servers there; what it prints."""
    with at_work(folder, own_prefect=own_prefect) as command:
        if code := command.wait():
            raise RuntimeError(f"the repetition's exit code is {code}: {command.said()}")
        if left := command.result()["unreported"]:
            raise RuntimeError(f"the repetition did not report {left}")
        return command.result()


def alone(folder: Path) -> dict[str, Any]:
    """What the run that was left alone has made."""
    return dict(json.loads((folder.parent / "alone.json").read_text()))


def judge(folder: Path, made: dict[str, Any], whole: dict[str, Any], home: Path | None = None) -> str | None:
    """What is wrong with a run that ended well: its artifacts, its model, and what both servers know of it in the end."""
    if made["decision"] not in DECISIONS or made["model"] != {"name": folder.name, "version": 1, "alias": "champion"}:
        return f"{made['model']}: {made['decision']}"
    if wrong := compare(folder / "root", whole["digests"]):
        return wrong
    found = in_mlflow(folder / "root", folder.name, made["flow_run_id"])
    if wrong := "; ".join(other(found, whole["mlflow"])):
        return f"MLflow has {wrong}"
    if waiting := list((folder / "root" / "runs").glob("spool/*.jsonl")):
        return f"{len(waiting)} files wait in the spool"
    state = in_prefect(home or SERVERS[0].home, made["flow_run_id"])
    return None if state == "COMPLETED" else f"Prefect shows the run as {state}"


def without_end(whole: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What MLflow must know of a run that could not register: what it knows of a whole one but for what comes last."""
    kept = [name for name in whole["metrics"] if name.partition("/")[0] in BUILT and not name.endswith("/seconds")]
    tags = {tag: value for tag, value in whole["tags"].items() if tag not in ("textmill.decision", "textmill.version")}
    register = {"register": found["steps"]["register"]} if "register" in found["steps"] else {}  # perhaps begun, and failed
    return whole | {
        "status": "FAILED",
        "metrics": {name: whole["metrics"][name] for name in kept},
        "tags": tags | {"textmill.error": None},
        "files": [],
        "models": 0,
        "steps": {step: told for step, told in whole["steps"].items() if step != "register"} | register,
    }


def in_mlflow(root: Path, name: str, flow_run_id: str) -> dict[str, Any]:
    """What MLflow knows of a run and of its steps, but for what is another each time: times, rates, ids, places."""
    tracker = Tracker.open(None, root, CHECKOUT, name)
    experiment, asked = [tracker.experiment_id], f"tags.`{RUN_TAG}` = '{flow_run_id}' and tags.`textmill.kind` = "
    found = tracker._client.search_runs(experiment, f"{asked}'run'")
    if not found:
        return {"status": "unknown"}
    (run,) = found
    steps = tracker._client.search_runs(experiment, f"tags.`{PARENT_TAG}` = '{run.info.run_id}'")
    told = {step.info.run_name: of_run(tracker, step, name) for step in steps}
    return of_run(tracker, run, name) | {"steps": told, "repeated": len(steps) - len(told)}


def of_run(tracker: Tracker, run: Any, name: str) -> dict[str, Any]:
    """The end of one run of MLflow's, and what was recorded of it."""
    client, run_id = tracker._client, run.info.run_id
    histories = {metric: client.get_metric_history(run_id, metric) for metric in run.data.metrics}
    return {
        "status": run.info.status,
        "ended": run.info.end_time is not None,
        "metrics": {
            metric: [[point.step, None if metric.endswith(TIMED) else point.value] for point in points]
            for metric, points in histories.items()
        },
        "params": {param: value for param, value in run.data.params.items() if param not in ("name", "runtime.data_root")},
        "tags": {
            tag: value if tag.startswith("textmill.") and not tag.endswith(VARYING) else None
            for tag, value in run.data.tags.items()
        },
        "datasets": [[each.dataset.digest, each.dataset.source] for each in run.inputs.dataset_inputs],
        "files": sorted(files(client, run_id)),
        "models": len(run.outputs.model_outputs) if run.outputs else 0,
    }


def files(client: MlflowClient, run_id: str, below: str | None = None) -> Iterator[str]:
    """The names of a run's files."""
    for each in client.list_artifacts(run_id, below):
        if each.is_dir:
            yield from files(client, run_id, each.path)
        else:
            yield each.path


def other(found: Any, whole: Any, place: str = "") -> Iterator[str]:
    """Where two values differ, and how."""
    if isinstance(found, dict) and isinstance(whole, dict):
        for name in sorted(found.keys() | whole.keys()):
            yield from other(found.get(name), whole.get(name), f"{place}/{name}")
    elif found != whole:
        yield f"{place}: {found} instead of {whole}"


def in_prefect(home: Path, flow_run_id: str) -> str:
    """The state of a flow run in the database of a Prefect server."""
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        rows = database.execute("select state_type from flow_run where id = ?", (flow_run_id,)).fetchall()
    return str(rows[0][0]) if rows else "unknown"


def told(command: Command, server: str) -> bool:
    """Whether its last words on stderr are one line about the server, and none of a library's are beside it."""
    *_, last = [line for _, line in command.lines]
    noise = [line for _, line in command.lines if any(word in line for word in ("Traceback", "ERROR", "prefect."))]
    return last.startswith("textmill: ") and server in last and not noise


def seconds_after(command: Command, *words: str) -> float:
    """How long ago a command that has just ended last said one of the words."""
    return time.monotonic() - max(when for when, line in command.lines if any(word in line for word in words))


BACK = {f"{server} comes back": functools.partial(comes_back, server) for server in ("prefect", "mlflow")}
CASES = {
    **{f"{name} ({number})": case for number in range(4) for name, case in BACK.items()},
    "prefect never": prefect_never,
    "mlflow never": mlflow_never,
    "mlflow hangs": functools.partial(mlflow_never, hangs=True),
}
COUNT = 5 * len(CASES)  # of each server twenty restarts and five that do not come back
