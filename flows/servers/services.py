"""`textmill up` and `textmill down`: the Prefect server with its UI, its workers, and the MLflow server, all on 127.0.0.1.

The watchdog has a worker of its own: a run that hangs, or a killed worker, must not silence it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows.commands.settings import DEFAULT_PRESET, preset_config
from flows.servers.database import checked_database, mlflow_uri, prefect_settings, prepare_database
from flows.servers.deploy import ANYWHERE, DEFAULT_QUEUE, WATCH_POOL, WORK_POOL, deploy_one, make_pools, read_plans
from flows.servers.deployed import TRAIN, find_deployment, look_at_code
from flows.servers.guard import ADDRESS
from flows.servers.heartbeat import ENVIRONMENT
from flows.servers.joined import (
    ANY_WORKER,
    Joined,
    host_environment,
    read_joined,
    worker_name,
    write_joined,
)
from flows.servers.moved import bring_deployments
from flows.servers.pidfile import PidFile
from flows.servers.server import (
    LOOK_SECONDS,
    USER,
    Endpoint,
    Server,
    answers,
    configured_endpoint,
    launch,
    living,
    login,
    private,
)
from tasks.checkout import CHECKOUT
from tasks.durable import locked
from tasks.errors import RequestError, UnavailableError
from tasks.processes import Patience, start_time
from tasks.tracking.home import files_home, tracking_home
from tasks.tracking.kept import Kept, read_kept, write_kept
from tasks.writable import make_data_root

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tasks.runtime import Runtime

WORKERS = {"worker": WORK_POOL, "watch-worker": WATCH_POOL}
SERVICES = (*WORKERS, "mlflow", "prefect")  # in the order in which they are stopped
SERVING = "serve"  # the server of one model, where it is asked for
SERVE_PORT = 8080
PORTS = {"prefect": 4200, "mlflow": 5000}
HERE = "none"  # in the place of an address: in the data root
FLAGS = {"prefect": "--port", "mlflow": "--mlflow-port"}


def start_all(
    runtime: Runtime,
    *,
    prefect_port: int | None = None,
    mlflow_port: int | None = None,
    database: str | None = None,
    artifacts: str | None = None,
    at_once: int | None = None,
) -> dict[str, str]:
    """Start what is not running yet, all of it or nothing, and say where it answers.

    A port that is not given is the one of the start before, if no `down` came after it. `database` and `artifacts`, the address
    of a PostgreSQL database and of a bucket for MLflow's files, are those of the start before if they are not given, and with
    HERE the data root has everything again. With `at_once` a worker of its own takes so many runs at a time of those that any
    host may do; without, the first worker takes them too.
    RequestError: a port that is taken, or anything that is not what a server which
    runs has; a database or bucket that cannot be used. What this call has started is stopped again if it fails or is
    interrupted.
    """
    home = Server(runtime.data_root).home
    make_data_root(runtime.data_root)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise RequestError(
            f"--runtime.data-root {runtime.data_root} cannot be used ({error.strerror}); choose another"
        ) from None
    pids = PidFile(runtime.data_root)
    with locked(runtime.data_root / "services.lock"):  # a second `up` waits, then finds all of it running
        pids.adopt_prefect(home)
        before = {name for name in SERVICES if pids.running(name)}
        ports = _ports(pids, {"prefect": prefect_port, "mlflow": mlflow_port})
        former, kept = _places(runtime, database, artifacts, before)
        _refuse_before_start(runtime, ports, before)
        kept = replace(kept, mlflow=f"http://{ADDRESS}:{ports['mlflow']}" if kept.elsewhere else "")
        _prepare_places(kept, before)
        joined = _joining(runtime, pids, Joined(at_once) if at_once else None)
        if "mlflow" in before:
            _keep_mlflow(runtime, pids)
        try:
            write_kept(runtime.data_root, kept)
            write_joined(runtime.data_root, joined)
            ui, again = _start_missing(runtime, home, ports, pids)
        except BaseException:
            _stop(runtime, pids, [name for name in SERVICES if name not in before])
            write_kept(runtime.data_root, former)
            raise
    return {
        "prefect_ui": ui,
        "mlflow_ui": pids.url("mlflow"),
        "state": "was running already" if before == set(SERVICES) else "started",
        "login": f"{USER}:PASSWORD for both, the password is in {home / 'password'}",
        "database": kept.database or "",
        "artifacts": kept.artifacts or "",
        "moved": _moved(former, kept, runtime),
        "logs": str(runtime.data_root / "logs"),
        "deployments": again,
        "stop": f"textmill down --runtime.data-root {shlex.quote(str(runtime.data_root))}",
    }


def _places(runtime: Runtime, database: str | None, artifacts: str | None, before: Collection[str]) -> tuple[Kept, Kept]:
    """Where the servers kept what they have, and where they are to; RequestError if a server runs and would have to move."""
    from tasks.tracking.bucket import checked_artifacts

    try:
        former = read_kept(runtime.data_root)
    except ValueError as error:
        if database is None or artifacts is None:
            raise RequestError(str(error)) from None
        former = Kept()
    kept = former
    if database is not None:
        kept = replace(kept, database=None if database == HERE else checked_database(database))
    if artifacts is not None:
        kept = replace(kept, artifacts=None if artifacts == HERE else checked_artifacts(artifacts))
    if kept != former and {"prefect", "mlflow"} & {*before}:
        raise RequestError("the servers run already, with another --database or --artifacts; textmill down first")
    return former, kept


def _moved(former: Kept, kept: Kept, runtime: Runtime) -> str:
    """What does not come along where the servers keep things in another place than before; empty where they do not."""
    home = files_home(runtime.data_root, CHECKOUT)
    lines = []
    if former.database != kept.database:
        before = former.database or (home.database if home.database and home.database.exists() else None)
        if before:
            lines.append(f"runs, schedules and models of before stay in {before}: deploy and train again, from the store")
    elif former.artifacts != kept.artifacts and (former.elsewhere or kept.database):
        before, now = (each.artifacts or home.artifacts for each in (former, kept))
        lines.append(f"files of the runs and models of before stay in {before}: copy them to {now}")
    return "; ".join(lines)


def _prepare_places(kept: Kept, before: Collection[str]) -> None:
    """Look whether database and bucket can be used, unless the servers use them already."""
    if kept.database and not {"prefect", "mlflow"} & {*before}:
        prepare_database(kept.database)
    if kept.artifacts and "mlflow" not in before:
        from tasks.tracking.bucket import prepare_bucket

        prepare_bucket(kept.artifacts)


def stop_all(runtime: Runtime) -> dict[str, str]:
    """Stop the processes that `start_all` started, and only those, whether it came to its end or not."""
    pids = PidFile(runtime.data_root)
    joined, names = read_joined(runtime.data_root), pids.names()
    more = [name for name in (SERVING, ANY_WORKER) if name in names]
    was = _stop(runtime, pids, [*more, *([] if joined and joined.server else SERVICES)])
    write_joined(runtime.data_root, None)
    return was


def join(runtime: Runtime, *, at_once: int) -> dict[str, str]:
    """Start a worker for runs that any host may do, on the Prefect server that the environment names.

    RequestError: no server is named, servers of this data root run, or the worker runs with another server or number.
    UnavailableError: a server does not answer.
    """
    from tasks.tracking.tracker import open_to_read

    endpoint = configured_endpoint()
    if endpoint is None:
        raise RequestError(
            "--worker-only joins the servers of another host; name them: PREFECT_API_URL and PREFECT_API_AUTH_STRING, "
            "MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.database is not None:
        raise RequestError("--worker-only: MLFLOW_TRACKING_URI names no server, so models would stay on this host; set it")
    make_data_root(runtime.data_root)
    pids = PidFile(runtime.data_root)
    with locked(runtime.data_root / "services.lock"):
        if running := [name for name in SERVICES if pids.running(name)]:
            raise RequestError(f"{', '.join(running)} of this data root run; textmill down first, or leave --worker-only out")
        joined = _joining(runtime, pids, Joined(at_once, endpoint.url))
        open_to_read(runtime.tracking_uri, runtime.data_root, CHECKOUT)  # that it answers and lets us in
        was = bool(pids.running(ANY_WORKER))
        with Server(runtime.data_root, timeout=runtime.server_timeout):
            asyncio.run(make_pools({WORK_POOL}))
            write_joined(runtime.data_root, joined)
            _start_worker(runtime, pids, ANY_WORKER)
        _wait_for_start(runtime, pids)
    return {
        "worker": f"{worker_name(runtime.data_root)}, {at_once} run{'s' * (at_once > 1)} at a time",
        "prefect": endpoint.url,
        "mlflow": home.uri,
        "state": "was running already" if was else "started",
        "logs": str(runtime.data_root / "logs"),
        "stop": f"textmill down --runtime.data-root {shlex.quote(str(runtime.data_root))}",
    }


def _wait_for_start(runtime: Runtime, pids: PidFile) -> None:
    """Wait until the server knows the worker; UnavailableError, and no worker, where it ends before."""
    from flows.servers.deployed import worker_is_known

    pid = pids.running(ANY_WORKER)
    patience = Patience(pid or 0, runtime.server_timeout)
    with Server(runtime.data_root, timeout=runtime.server_timeout):
        while pid is None or not worker_is_known(WORK_POOL, worker_name(runtime.data_root)):
            if not pids.running(ANY_WORKER) or patience.is_over():
                pids.stop(ANY_WORKER)
                pids.forget(ANY_WORKER)
                write_joined(runtime.data_root, None)
                raise UnavailableError(f"the worker did not start; see {_log_file(runtime, runtime.data_root, ANY_WORKER)}")
            time.sleep(0.2)


def _joining(runtime: Runtime, pids: PidFile, wanted: Joined | None) -> Joined | None:
    """What this host does of runs of any host: what is wanted, else what was; RequestError if the worker runs otherwise."""
    before = read_joined(runtime.data_root)
    joined = wanted or (before if before and not before.server else None)
    if joined != before and (pids.running(ANY_WORKER) or (pids.running("worker") and joined)):
        raise RequestError("the workers run already, with another server or number of runs; textmill down first")
    return joined


def workers_of(runtime: Runtime) -> list[str]:
    """The workers that `textmill up` starts beside the servers of this data root."""
    return [*WORKERS, *([ANY_WORKER] if read_joined(runtime.data_root) else [])]


def _start_worker(runtime: Runtime, pids: PidFile, name: str) -> None:
    """Start a worker that does not run; one of its own for runs of any host leaves them to that."""
    if pids.running(name):
        return
    command = _python("prefect", "worker", "start", "--pool", WORKERS.get(name, WORK_POOL), "--type", "process")
    more = {**ENVIRONMENT, **host_environment(runtime), "PYTHONPATH": _with_code()}
    joined = read_joined(runtime.data_root)
    if name == ANY_WORKER and joined:
        command += ["--work-queue", ANYWHERE, "--limit", str(joined.at_once), "--name", worker_name(runtime.data_root)]
    elif name == "worker" and joined:
        command += ["--work-queue", DEFAULT_QUEUE]
    _spawn(runtime.data_root, pids, name, command, more=more)


def _with_code() -> str:
    """The path by which runs import this program, and not another one that is installed."""
    return os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


def start_serving(runtime: Runtime, model: str, *, port: int | None = None) -> str:
    """Start `textmill serve` of a model and wait until it answers; where it does.

    One that runs already is left as it is: it follows its alias. RequestError if it runs on another port or for another model.
    """
    from tasks.serve.versions import wanted

    wanted(model)
    pids, note = PidFile(runtime.data_root), runtime.data_root / "serve" / "up.json"
    with locked(runtime.data_root / "services.lock"):
        if pids.running(SERVING):
            url = pids.url(SERVING)
            other = json.loads(note.read_text())
            if other != model or port not in (None, urlsplit(url).port):
                raise RequestError(f"a model server runs already, of {other} at {url}; textmill down first")
            return url
        port = port or SERVE_PORT
        _refuse_taken(port, "--serve-port")
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.write_text(json.dumps(model))
        url = f"http://{ADDRESS}:{port}"
        places = ["--runtime.data-root", str(runtime.data_root), "--serve.port", str(port)]
        places += ["--runtime.tracking-uri", runtime.tracking_uri] if runtime.tracking_uri else []
        pid = _spawn(runtime.data_root, pids, SERVING, _python("flows.commands", "serve", model, *places), url=url)
        patience = Patience(pid, runtime.server_timeout)
        while not answers(Endpoint(url), path="ready", timeout=LOOK_SECONDS):
            if start_time(pid) is None or patience.is_over():
                pids.stop(SERVING)
                pids.forget(SERVING)
                log = runtime.data_root / "logs" / f"{SERVING}.log"
                last = log.read_text(errors="replace").strip().rpartition("\n")[2].removeprefix("textmill: ")
                raise UnavailableError(f"the model server did not start: {last} (see {log})")
            time.sleep(0.1)
    return url


def where_up(data_root: Path) -> dict[str, str]:
    """Where the pages of the servers are that `start_all` started and that run now: `prefect` and `mlflow` -> URL."""
    pids = PidFile(data_root)
    return {name: pids.url(name).removesuffix("/api") for name in PORTS if pids.running(name) and pids.url(name)}


def _start_missing(runtime: Runtime, home: Path, ports: Mapping[str, int], pids: PidFile) -> tuple[str, str]:
    """Start each service that does not run; returns the address of Prefect's UI, and a line about deployments or ""."""
    again = ""
    with locked(home / "start.lock"):
        endpoint = living(home, timeout=runtime.server_timeout) if pids.running("prefect") else None
        if endpoint is None:
            before = pids.url("prefect")
            endpoint = _start_prefect(runtime, home, ports["prefect"], pids)
            if before != endpoint.url:
                for name in workers_of(runtime):  # they would go on asking where it was
                    pids.stop(name)
    if not pids.running("mlflow"):
        _start_mlflow(runtime, ports["mlflow"], pids)
    wanted = workers_of(runtime)
    if not all(map(pids.running, wanted)):
        with Server(runtime.data_root, timeout=runtime.server_timeout, own=True):
            _deploy_train(runtime)
            _bring_deployments(runtime, home)
            again = look_at_code(runtime.data_root)
            for name in wanted:
                _start_worker(runtime, pids, name)
    gone = [name for name in (*wanted, "mlflow", "prefect") if not pids.running(name)]
    if gone:
        logs = ", ".join(str(_log_file(runtime, home, name)) for name in gone)
        raise UnavailableError(f"{', '.join(gone)} ended at once; see {logs}")
    return endpoint.url.removesuffix("/api"), again


def _log_file(runtime: Runtime, home: Path, name: str) -> Path:
    return home / "server.log" if name == "prefect" else runtime.data_root / "logs" / f"{name}.log"


def _stop(runtime: Runtime, pids: PidFile, names: Sequence[str]) -> dict[str, str]:
    """Stop and forget these services; what each of them was."""
    home = Server(runtime.data_root).home
    pids.adopt_prefect(home)
    was = {}
    for name in names:
        was[name] = "stopped" if pids.stop(name) else "was not running"
        if name == "mlflow" and not pids.running("mlflow"):
            login_file(runtime.data_root).unlink(
                missing_ok=True
            )  # another program that listens there must not be sent the password
        pids.forget(name)
    return was


def _ports(pids: PidFile, given: Mapping[str, int | None]) -> dict[str, int]:
    """The port of each server; RequestError for one that is given while the server runs on another."""
    ports = {}
    for name, port in given.items():
        known = urlsplit(pids.url(name)).port
        if port and known and port != known and pids.running(name):
            raise RequestError(
                f"{name} runs already, on port {known}, so {FLAGS[name]} {port} cannot be kept; "
                "leave it out, or textmill down first"
            )
        ports[name] = port or known or PORTS[name]
    if ports["prefect"] == ports["mlflow"] and not all(map(pids.running, ports)):
        raise RequestError(f"--port and --mlflow-port are both {ports['prefect']}; choose two different ports")
    return ports


def _refuse_before_start(runtime: Runtime, ports: Mapping[str, int], before: Collection[str]) -> None:
    """RequestError for whatever would fail a start half way."""
    for name, port in ports.items():
        if name not in before:
            _refuse_taken(port, FLAGS[name])
    configured = configured_endpoint()
    if configured and configured.url.rstrip("/") not in {
        f"http://{host}:{ports['prefect']}/api" for host in (ADDRESS, "localhost")
    }:
        raise RequestError(
            f"PREFECT_API_URL names another Prefect server, {configured.url}, and commands would go on using that one; "
            "unset it (or change the Prefect profile) to have a server started here"
        )
    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.is_server and not home.ours and "mlflow" not in before:
        raise RequestError(
            f"tracking goes to {home.uri}, which is a server already; unset MLFLOW_TRACKING_URI to have one started"
        )


def _keep_mlflow(runtime: Runtime, pids: PidFile) -> None:
    """Write the login of the MLflow server that runs again; RequestError if it does not ask for it."""
    url = pids.url("mlflow")
    entry = Endpoint(url, login(Server(runtime.data_root).home / "password"))
    within = runtime.server_timeout
    let_in = answers(entry, path="health", timeout=within)
    if not let_in or answers(Endpoint(url), path="health", timeout=within):
        raise RequestError(f"the MLflow server at {url} that runs does not ask for the password; textmill down first")
    _write_login(runtime, entry)


def _write_login(runtime: Runtime, entry: Endpoint) -> None:
    written = login_file(runtime.data_root)
    written.parent.mkdir(parents=True, exist_ok=True)
    with private(written) as file:
        json.dump({"url": entry.url, "login": entry.auth}, file)


def _start_prefect(runtime: Runtime, home: Path, port: int, pids: PidFile) -> Endpoint:
    """Start the server that stays and wait until it answers; the caller holds the start lock."""
    try:
        with locked(home / "users.lock", wait=False):
            pass  # nobody uses a server of its own that would share the database with this one
    except BlockingIOError:
        raise RequestError("a run is in progress on a server of its own; textmill up again when it has ended") from None
    database = read_kept(runtime.data_root).database
    started = launch(home, port=port, stay=True, more=prefect_settings(database) if database else None)
    pids.adopt_prefect(home)  # before it answers, so that `textmill down` can stop it if we are interrupted here
    started.wait(timeout=runtime.server_timeout)
    return started.endpoint


def _start_mlflow(runtime: Runtime, port: int, pids: PidFile) -> None:
    from tasks.tracking.client import open_client
    from tasks.tracking.places import bring_home, find_places
    from tasks.tracking.server import server_environment

    kept = read_kept(runtime.data_root)
    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.ours:
        home = files_home(runtime.data_root, CHECKOUT)
    if not kept.database:
        client = open_client(home)  # makes the database, under a lock, if it is not there yet
        bring_home(home, find_places(home, client))
    database = mlflow_uri(kept.database) if kept.database else None
    store = server_environment(home, database=database, bucket=kept.artifacts)
    word, url = Server(runtime.data_root).home / "password", f"http://{ADDRESS}:{port}"
    entry = Endpoint(url, login(word))
    command = _python("flows.servers.mlflow_server", str(port), str(word))
    _write_login(runtime, entry)
    pid = _spawn(runtime.data_root, pids, "mlflow", command, more=store, url=url)
    patience = Patience(pid, runtime.server_timeout)
    while not answers(entry, path="health", timeout=LOOK_SECONDS):
        if start_time(pid) is None or patience.is_over():
            pids.stop("mlflow")
            login_file(runtime.data_root).unlink(missing_ok=True)
            raise UnavailableError(f"the MLflow server did not start; see {runtime.data_root / 'logs' / 'mlflow.log'}")
        time.sleep(0.2)


def _deploy_train(runtime: Runtime) -> None:
    """Make the train flow startable from the UI and the API: the same flow that the command runs, the sample in its form."""
    from prefect.client.orchestration import get_client

    asyncio.run(make_pools({WORK_POOL, WATCH_POOL}))
    plan = read_plans()[TRAIN]
    with get_client(sync_client=True) as client:
        deployed = find_deployment(client, plan.full_name)
    if deployed is not None and deployed.schedules:
        return  # of a model that is called so, by `textmill deploy`
    sample = preset_config(DEFAULT_PRESET).model_copy(update={"runtime": runtime})
    parameters = {"config": sample.model_dump(mode="json", exclude_unset=True)}
    deploy_one(replace(plan, schedules=(), parameters=parameters))


def _bring_deployments(runtime: Runtime, home: Path) -> None:
    """Have the schedules of a copied or moved data root work in it, unless several roots share its Prefect server."""
    from prefect.client.orchestration import get_client

    from flows.servers.quiet import quiet_prefect

    if home == runtime.data_root / "prefect":
        with quiet_prefect(), get_client(sync_client=True) as client:
            bring_deployments(client, tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT))


def login_file(data_root: Path) -> Path:
    """The file with the MLflow server's address and login for runs; there from `up` until `down`."""
    from tasks.tracking.client import SERVER_FILE

    return data_root / "mlflow" / SERVER_FILE


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _spawn(
    data_root: Path, pids: PidFile, name: str, command: list[str], *, more: dict[str, str] | None = None, url: str = ""
) -> int:
    """Start a process that outlives us, with `more` in its environment, and write it down, or end it if that fails.

    Its output is for its owner's eyes only.
    """
    logs = data_root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # so that `prefect` is found
    environment = os.environ | {"PATH": path, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")} | (more or {})
    with private(logs / f"{name}.log", append=True) as output:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        pids.add(name, process.pid, url=url)
    except BaseException:  # nobody could stop it later
        process.kill()
        process.wait()
        raise
    process.returncode = 0  # meant to outlive us; without this, Popen warns at our exit
    return process.pid


def _refuse_taken(port: int, flag: str) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:  # ports below 1024
            raise RequestError(f"port {port} may not be used ({error.strerror}); choose one above 1023 with {flag}") from None
        except (OSError, OverflowError) as error:
            raise RequestError(f"port {port} is taken ({error}); choose another with {flag}") from None
