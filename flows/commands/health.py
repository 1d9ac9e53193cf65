"""`textmill doctor`: is everything that a run needs in order, and when did each model last train well?"""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.servers.notes import write_note
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError, UnavailableError
from tasks.processes import is_of_other_host, runs_on
from tasks.store.artifact import DamagedArtifact, Store
from tasks.writable import check_data_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.runtime import Runtime

LIBRARIES = ("prefect", "fastapi", "mlflow", "torch", "fasttext-community", "gensim", "numpy", "pandas", "pyarrow")
MAX_DETAIL = 1000  # characters of what a check says; the remedy comes last
LOW_DISK_GB = 2.0
BESIDE = ("folds", "tune")  # runs that train no model of the name: what is said of its last one is not about them
DISMISSED = "dismissed.note"  # beside the records of runs, which end in .json
LATE_ALERT_SECONDS = 3600.0  # a channel that is down is tried again within an hour


def diagnose(runtime: Runtime) -> list[dict[str, Any]]:
    """Every check as {name, ok, detail}; a check that cannot be made has failed and says why."""
    checks: dict[str, Callable[[], str]] = {
        "versions": versions,
        "fasttext": fasttext_predicts,
        "prefect server app": prefect_app_imports,
        "textmill up": lambda: services(runtime.data_root),
        "prefect server": lambda: prefect_server(runtime.data_root),
        "workers": lambda: workers(runtime.data_root),
        "deployments": lambda: deployments(runtime.data_root),
        "monitors": lambda: monitors(runtime.data_root),
        "mlflow store": lambda: mlflow_store(runtime),
        "champions": lambda: champions(runtime),
        "artifact store": lambda: artifact_store(runtime.data_root),
        "shared store": lambda: shared_store(runtime),
        "engine": lambda: engine(runtime),
        "data root": lambda: data_root_of(runtime),
        "forgotten texts": lambda: forgotten_texts(runtime.data_root),
        "disk": lambda: disk(runtime.data_root),
        "last success": lambda: last_success(runtime.data_root),
    }
    return [_checked(name, check) for name, check in checks.items()]


def _checked(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": check()}
    except Exception as error:  # noqa: BLE001 whatever is wrong is what doctor is asked for
        return {"name": name, "ok": False, "detail": " ".join(f"{type(error).__name__}: {error}".split())[:MAX_DETAIL]}


def forgotten_texts(data_root: Path) -> str:
    """How many texts are refused because they were forgotten; without the key of their list every run fails."""
    from tasks.forget.forgotten import Forgotten, forgotten_list

    listed = forgotten_list(data_root)
    return f"{len(Forgotten.read(listed).marks):,} refused" if listed else "none"


def versions() -> str:
    """Installed versions of the libraries that the pipeline is built on."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return f"Python {sys.version.split()[0]}, " + ", ".join(found)


def fasttext_predicts() -> str:
    """FastText loads; the unmaintained build loads too but fails on NumPy 2, so its origin is checked."""
    import fasttext

    importlib.metadata.version("fasttext-community")
    return f"fasttext-community from {Path(fasttext.__file__).parent}"


def prefect_app_imports() -> str:
    """The server's app can be imported: with a FastAPI that is too new it cannot."""
    import prefect.server.api.server

    return f"imports from {Path(prefect.server.api.server.__file__).parents[2]}"


def services(data_root: Path) -> str:
    """Whether the servers of `textmill up` run and answer: its own files list them until `textmill down`."""
    from flows.servers.joined import ANY_WORKER, read_joined
    from flows.servers.pidfile import PidFile
    from flows.servers.server import Endpoint, Server, answers, read_endpoint
    from flows.servers.services import login_file, where_up

    record, root = PidFile(data_root), f"--runtime.data-root {shlex.quote(str(data_root))}"
    joined = read_joined(data_root)
    if joined and joined.server:
        if not record.running(ANY_WORKER):
            raise UnavailableError(
                f"the worker that joined {joined.server} no longer runs; textmill up --worker-only {root} starts it again, "
                f"textmill down {root} says that it should not run"
            )
        return f"a worker for the runs of {joined.server}, {joined.at_once} at a time"
    if not (record.names() and login_file(data_root).exists()):  # which `down` of version 0.1 has removed, and nothing else
        return "not started, so none should run"
    if missing := record.missing():
        raise UnavailableError(
            f"textmill up started {', '.join(missing)}, which no longer runs; textmill up {root} starts it again, "
            f"textmill down {root} ends the rest and says that none should run"
        )
    endpoint, pages = read_endpoint(Server(data_root).home), where_up(data_root)
    silent = [] if endpoint and answers(endpoint) else ["prefect"]
    if "mlflow" in pages and endpoint and not answers(Endpoint(pages["mlflow"], endpoint.auth), path="health"):
        silent.append("mlflow")
    if silent:
        raise UnavailableError(f"{', '.join(silent)} runs but does not answer; textmill down {root}, then textmill up {root}")
    return ", ".join(f"{name} on {url}" for name, url in pages.items()) + f", both workers run{_kept_in(data_root)}"


def _kept_in(data_root: Path) -> str:
    """Where the servers keep what is not in the data root, as the end of a sentence."""
    from tasks.tracking.kept import read_kept

    kept = read_kept(data_root)
    database = f"; runs, schedules and models in {kept.database}" if kept.database else ""
    return database + (f"; MLflow's files in {kept.artifacts}" if kept.artifacts else "")


def prefect_server(data_root: Path) -> str:
    """Which server a run would use, and whether it answers."""
    from flows.servers.server import Server, answers, configured_endpoint, read_endpoint, what_is_wrong

    configured = configured_endpoint()
    if configured:
        if not answers(configured):
            raise RequestError(f"{configured.url} {what_is_wrong(configured)}")
        return f"{configured.url} answers"
    endpoint = read_endpoint(Server(data_root).home)
    if endpoint and answers(endpoint):
        return f"{endpoint.url} answers"
    return "none is running; each run starts its own (textmill up for one that stays)"


def workers(data_root: Path) -> str:
    """Whether each pool that deployments use has a worker: without one, planned runs do not start."""
    from flows.servers.deployed import lasting_endpoint
    from flows.servers.pidfile import PidFile
    from flows.servers.server import Server, answers, configured_endpoint
    from flows.servers.services import WORKERS

    endpoint = configured_endpoint() or lasting_endpoint(Server(data_root).home)
    if endpoint is None or not answers(endpoint):
        return "no server stays, so none is needed"
    record = PidFile(data_root)
    gone = [pool for name, pool in WORKERS.items() if record.running("prefect") and not record.running(name)]
    with Server(data_root):
        from flows.servers.deployed import look_at_workers

        seen = look_at_workers()
    idle = sorted({*gone, *(pool for pool, (_, online) in seen.items() if not online)})
    words = ", ".join(f"{pool} {online} online, last seen {last}" for pool, (last, online) in seen.items())
    if idle:
        raise UnavailableError(f"nobody works for {', '.join(idle)}; textmill up starts a worker again ({words})")
    return words or "no deployment needs one"


def deployments(data_root: Path) -> str:
    """When a run of each deployment last succeeded, and that the server plans the next one of each that has a schedule."""
    from flows.servers.deployed import lasting_endpoint
    from flows.servers.server import Server, answers, configured_endpoint

    endpoint = configured_endpoint() or lasting_endpoint(Server(data_root).home)
    if endpoint is None or not answers(endpoint):
        return "no server stays, so nothing runs by itself (textmill up, then textmill deploy)"
    with Server(data_root):
        from flows.servers.deployed import look_at_code, look_at_deployments

        found, again = look_at_deployments(), look_at_code(data_root)
    unplanned = [name for name, (_, planned) in found.items() if not planned]
    words = ", ".join(f"{name} {last}" for name, (last, _) in found.items()) + (f"; {again}" if again else "")
    if unplanned:
        raise UnavailableError(
            f"no run is planned of {', '.join(unplanned)}: paused, or the server's scheduler fails (see its log); "
            f"last success: {words}"
        )
    return words or "none"


def monitors(data_root: Path) -> str:
    """When each monitor was last refreshed, and which alerts wait to be sent, since when and why.

    Alerts that a channel refused, and those given up because their channel is gone, are counted and not a fault.
    """
    from tasks.detect.unjudged import UNJUDGED
    from tasks.monitor.state import WATCH_SUFFIX, MonitorState
    from tasks.notify.deliver import GIVEN_UP, REFUSED

    words, late = [], []
    for path in sorted((data_root / "monitor").glob("*/state.db")):
        name = path.parent.name
        try:
            with MonitorState.read(data_root, name) as state:
                last = max((refresh["finished"] for refresh in state.refreshes()), default=None)
                unsent = state.waiting()
                unjudged = state.setting(UNJUDGED)
        except (RequestError, UnavailableError) as error:
            late.append(str(error))
            continue
        waiting = [row for row in unsent if not (row["error"] or "").startswith((REFUSED, GIVEN_UP))]
        told = f"{len(waiting)} alerts waiting{_set_aside(unsent, REFUSED)}{_set_aside(unsent, GIVEN_UP)}"
        if not name.endswith(WATCH_SUFFIX):
            words.append(f"{name} {f'refreshed {_utc(last)}' if last else 'never refreshed'}, {told}")
        elif unsent:
            words.append(f"watchdog of {name.removesuffix(WATCH_SUFFIX)} {told}")
        if unjudged:
            words.append(f"{name}: {unjudged}")
        if waiting and time.time() - waiting[0]["created"] > LATE_ALERT_SECONDS:
            oldest = waiting[0]
            hours = (time.time() - oldest["created"]) / 3600
            why = oldest["error"] or "nothing was sent since"
            late.append(
                f"{len(waiting)} alerts of {name} wait, the oldest for {hours:.1f} hours for {oldest['channel']} ({why})"
            )
    if late:
        raise UnavailableError("; ".join([*late, *words]))
    return "; ".join(words) or "none yet"


def _set_aside(unsent: Sequence[Mapping[str, Any]], mark: str) -> str:
    """How many deliveries have an error that begins with `mark`, and what else it says of which channel; empty if none has."""
    found = [row for row in unsent if (row["error"] or "").startswith(mark)]
    reasons = sorted({f"{row['channel']}: {row['error'].removeprefix(mark)}" for row in found})
    return f", {len(found)} {mark.removesuffix(': ')} ({'; '.join(reasons)})" if found else ""


def mlflow_store(runtime: Runtime) -> str:
    """The tracking store can be opened."""
    from tasks.tracking.home import tracking_home
    from tasks.tracking.places import local_path
    from tasks.tracking.tracker import open_to_read

    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.database and not home.database.exists():
        return f"{home.uri} is made by the first run"
    registry = open_to_read(runtime.tracking_uri, runtime.data_root, CHECKOUT).registry
    moved = [str(local_path(former).parent) for former in registry.places.former]
    later = "; it was in {} before, which MLflow's own programs still look into: the next training or textmill up changes that"
    words = f"{home.database or home.uri} opens, {len(registry.names())} registered models"
    return words + (later.format(" and ".join(moved)) if moved else "")


def champions(runtime: Runtime) -> str:
    """Every champion loads and labels a text: its files are there, whole, and in the place that is looked at."""
    from tasks.register.models import load_champions
    from tasks.tracking.home import tracking_home
    from tasks.tracking.tracker import open_to_read

    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.database and not home.database.exists():
        return "none yet"
    found = load_champions(open_to_read(runtime.tracking_uri, runtime.data_root, CHECKOUT))
    bad = [problem for problem in found.values() if problem]
    if bad:
        raise UnavailableError(
            f"{len(bad)} of {len(found)} cannot be loaded, so predict, score or generate fail: {'; '.join(bad)}"
        )
    return f"{', '.join(found)} load" if found else "none yet"


def engine(runtime: Runtime) -> str:
    """What tokenizes and labels; workers of a cluster have our code, and see the data root or the bucket."""
    from tasks.store.opened import check_workers

    return check_workers(runtime, runtime.data_root if runtime.data_root.exists() else None)


def data_root_of(runtime: Runtime) -> str:
    """It can be written, as every run must."""
    root = runtime.data_root
    if not root.exists():
        return f"{root} is made by the first run"
    check_data_root(root)
    return f"{root} can be written"


def artifact_store(data_root: Path) -> str:
    """Every artifact verifies, byte by byte."""
    store = Store(data_root)
    artifacts = store.stored()
    damaged = []
    with store.reading():
        for step, key in artifacts:
            try:
                store.verify(step, key)
            except DamagedArtifact as error:
                damaged.append(str(error))
    if damaged:
        raise DamagedArtifact(
            f"{len(damaged)} of {len(artifacts)} damaged, first: {damaged[0]}; the next run sets it aside and rebuilds it"
        )
    return f"{len(artifacts)} artifacts in {store.root}, all verified"


def shared_store(runtime: Runtime) -> str:
    """The buckets of the data root answer, and honour conditions: of two creates of one object one fails."""
    from tasks.store.shared.noted import addresses_of

    addresses = addresses_of(runtime)
    for address in addresses:
        from tasks.store.opened import open_bucket

        bucket = open_bucket(address)
        from tasks.store.shared.proof import prove

        prove(bucket)
    if not addresses:
        return "none: no other host uses what is built here (--runtime.store)"
    return (
        f"{', '.join(addresses)}: of two creates of one object the second was refused, and of two replacements of one version"
    )


def disk(data_root: Path) -> str:
    """There is room for a run."""
    folder = next(path for path in (data_root, *data_root.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if free < LOW_DISK_GB:
        raise RequestError(f"only {free:.1f} GB free at {folder}; make room, or textmill gc")
    return f"{free:.1f} GB free at {folder}"


def last_success(data_root: Path) -> str:
    """When each model last finished a run, and what failed since and was not dismissed."""
    finished, failed, dismissed = _latest_runs(data_root), _latest_runs(data_root, failed=True), _dismissed(data_root)
    if not finished and not failed:
        return "no run yet; make run trains on the embedded sample"
    now = f"now {_utc(time.time())}"
    words = [f"{name} {when}" for name, when in sorted(finished.items())]
    broken = {name: when for name, when in sorted(failed.items()) if when > finished.get(name, "")}
    told = [f"{name} at {when}" for name, when in broken.items() if when > dismissed.get(name, "")]
    set_aside = [f"{name} at {when}" for name, when in broken.items() if when <= dismissed.get(name, "")]
    if told:
        raise UnavailableError(
            f"last run failed or was killed: {', '.join(told)} (textmill doctor --dismiss NAME if that is known); "
            f"last success: {', '.join(words) or 'never'}, {now}"
        )
    aside = f", failed and dismissed: {', '.join(set_aside)}" if set_aside else ""
    return f"{', '.join(words) or 'none yet'}{aside} ({now})"


def dismiss(data_root: Path, names: Sequence[str]) -> dict[str, str]:
    """Mark the last failed run of each model as known: doctor does not complain of it any more, but of the next failure.

    Returns when each of these runs was started. RequestError for a model without one.
    """
    failed = _latest_runs(data_root, failed=True)
    unknown = [name for name in names if name not in failed]
    if unknown:
        there = f"models with a failed run: {', '.join(sorted(failed))}" if failed else "no model has a failed run"
        raise RequestError(f"no training run of {', '.join(unknown)} has failed; {there}")
    given = {name: failed[name] for name in names}
    write_note(data_root / "runs" / DISMISSED, _dismissed(data_root) | given)
    return given


def _latest_runs(data_root: Path, *, failed: bool = False) -> dict[str, str]:
    """When the last run of each model was started, of those that finished, or of those that failed or were killed."""
    latest: dict[str, str] = {}
    for path in (data_root / "runs").glob("*.json"):
        record = _read_record(path)
        if record is None or record.get("verb") in BESIDE:
            continue
        host = record.get("host")
        if record["status"] == "running" and (is_of_other_host(host) or runs_on(host, *record["process"])):
            continue
        if (record["status"] != "finished") == failed:
            latest[record["name"]] = max(record["started"], latest.get(record["name"], ""))
    return latest


def _read_record(path: Path) -> dict[str, Any] | None:
    """A run's record; None for another file, which `train` names and leaves alone."""
    try:
        record = json.loads(path.read_bytes())
        _ = record["status"], record["name"], record["started"], [*record["process"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(record)


def _dismissed(data_root: Path) -> dict[str, str]:
    try:
        return {str(name): str(when) for name, when in json.loads((data_root / "runs" / DISMISSED).read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _utc(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
