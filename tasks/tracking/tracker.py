"""Record runs, parameters, metrics and files in MLflow, by explicit run ids.

Nothing a run records may stop it or hold it up for long: a call that the server does not take is written to a spool under the
data root and sent later. Opening a store, and everything about registered models, fails loudly instead.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import shlex
import socket
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from tasks.errors import RequestError, UnavailableError
from tasks.names import alike
from tasks.shown import one_line
from tasks.tracking.client import import_mlflow, is_store_error, log_in, transient
from tasks.tracking.home import LEASE_SECONDS, TrackingHome, tracking_home
from tasks.tracking.open_store import OpenStore, open_any, open_known
from tasks.tracking.places import EXPERIMENT_TAGS
from tasks.tracking.registry import Registry
from tasks.tracking.spool import Spool, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient

log = logging.getLogger(__name__)

MAX_PARAM_CHARS = 6000
PARAMS_PER_CALL = 100
METRICS_PER_CALL = 500
CONNECT_SECONDS = 2.0  # within which a server that is there takes a connection
# Within which it says something: one that hangs takes connections too. Before a run there is more time than at its end.
OPEN_SECONDS, ANSWER_SECONDS = 30.0, 10.0
RETRY_SECONDS = 30.0  # how long an unreachable server is left alone
WAIT_SECONDS = 0.5  # between two looks whether it is back
UI_URI = "http://127.0.0.1:5000"
LOCAL = "local-"  # starts the id of a run that could not be created yet
LOCAL_TAG = "textmill.local_run_id"
PARENT_TAG = "mlflow.parentRunId"


class Tracker:
    """One experiment of one MLflow store. Made by `Tracker.open`."""

    def __init__(self, home: TrackingHome, data_root: Path, store: OpenStore, experiment_id: str) -> None:
        self.home = home
        self.places = store.places
        self.data_root = data_root
        self.experiment_id = experiment_id
        self.registry = Registry(home, store.models, experiment_id, store.places, to_change=store.client)
        self._store = store
        self._runs = store.runs
        self._spool = Spool(data_root, home.uri)
        self._quiet_until = 0.0
        self.unanswered_since: float | None = None  # when the first call was made, by time.monotonic, that had no answer
        self._run_ids: dict[str, str] = {}

    @classmethod
    def open(
        cls,
        tracking_uri: str | None,
        data_root: Path,
        checkout: Path,
        experiment: str | None,
        *,
        bucket: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Tracker:
        """Open the store, creating it and the experiment if need be, and send the calls that earlier runs could not.

        `bucket` and `lease_seconds` are those of the home (see `TrackingHome`); nothing is asked of the bucket here.
        Without an experiment nothing is created; that is enough for changing aliases. A SQLite file of a known schema that has
        the experiment is opened without importing MLflow. RequestError: the URI is of an unknown kind, the store is missing and
        not to be created, or the experiment was deleted. UnavailableError: the server takes no connection within 2 s, or gives
        no answer within 30 s.
        """
        home = _reachable(tracking_uri, data_root, checkout, may_be_missing=experiment is not None)
        home = replace(home, bucket=bucket, lease_seconds=lease_seconds)
        if experiment is None:  # a reader writes nothing, not even the calls that wait
            return cls(home, data_root, open_any(home, to_read=True), "")
        store = open_known(home)
        experiment_id = None if store is None else _experiment_id(home, store, experiment)
        if store is None or experiment_id is None:
            made = open_any(home)
            experiment_id = _experiment_id(home, made, experiment) or _create_experiment(home, made, experiment)
            known = open_known(home)  # what a run records takes it a fifth of MLflow's time
            store = made if known is None else replace(known, client=made.client)
        tracker = cls(home, data_root, store, experiment_id)
        try:
            tracker._spool.send_left_behind(tracker._send)
        except Unreachable as error:
            log.warning("what earlier runs could not record still waits in %s: %s", tracker._spool.folder, error)
        return tracker

    @property
    def _client(self) -> MlflowClient:
        """MLflow's own client of the store."""
        return self._store.client()

    def start_run(self, name: str, tags: Mapping[str, str] | None = None, parent_run_id: str | None = None) -> str:
        """Create a run and return its id; a parent makes it a child run. Offline: a temporary id until the run is sent."""
        local = f"{LOCAL}{uuid.uuid4().hex}"
        self._record("start", local, name=name, tags=dict(tags or {}), parent=parent_run_id, time=_now())
        return self._run_ids.get(local, local)

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Record parameters; nested ones as `section.field`, values cut at 6,000 characters."""
        flat = [[name, str(value)[:MAX_PARAM_CHARS]] for name, value in flatten(params)]
        for start in range(0, len(flat), PARAMS_PER_CALL):
            self._record("params", run_id, params=flat[start : start + PARAMS_PER_CALL])

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record metrics by name, at a step number (epoch or batch)."""
        values = [[name, float(value)] for name, value in metrics.items()]
        for start in range(0, len(values), METRICS_PER_CALL):
            self._record("metrics", run_id, metrics=values[start : start + METRICS_PER_CALL], step=step, time=_now())

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        self._record("tags", run_id, tags={name: str(value) for name, value in tags.items()})

    def log_artifacts(self, run_id: str, path: Path, artifact_path: str | None = None) -> None:
        """Copy a file, or all files of a folder, to the run's files."""
        self._record("artifacts", run_id, path=str(path.absolute()), to=artifact_path)

    def log_dataset(self, run_id: str, name: str, source: str, digest: str, context: str = "training") -> None:
        """Name a dataset that the run used, by source and digest (36 characters of it are kept)."""
        self._record("dataset", run_id, name=name, source=source, digest=digest[:36], context=context)

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        self._record("finish", run_id, status=status, time=_now())

    def run_url(self, run_id: str) -> str:
        """Where the MLflow UI shows the run; for a file store where `mlflow ui` serves it by default."""
        base = self.home.uri if self.home.is_server else UI_URI
        return f"{base}/#/experiments/{self.experiment_id}/runs/{self._run_ids.get(run_id, run_id)}"

    def server_run_id(self, run_id: str) -> str | None:
        """The run's id in the store; None while the run itself waits in the spool."""
        run_id = self._run_ids.get(run_id, run_id)
        return None if run_id.startswith(LOCAL) else run_id

    def link_run(self, run_id: str, tag: str, made_by: Mapping[str, str]) -> None:
        """Set a tag of a run to the id of the newest run of the experiment that has all these tags, if there is one."""
        self._record("link", run_id, tag=tag, made_by=dict(made_by))

    def running(self, experiment: str, tags: Mapping[str, str]) -> list[str]:
        """Ids of the runs of an experiment that have all these tags and no end yet; Unreachable if the store cannot say."""
        try:
            found = self._runs.experiment(experiment)
            return [] if found is None else self._runs.find(found.id, tags, running=True)
        except Exception as error:
            if not is_store_error(error):
                raise
            raise Unreachable(f"tracking store {self.home.uri} does not answer ({one_line(error)})") from error

    def ended(self, experiment: str, tags: Mapping[str, str]) -> tuple[dict[str, float], dict[str, str]]:
        """The last metrics and the tags of the newest run of an experiment that has all these tags; empty if there is none.

        Unreachable if the store cannot say.
        """
        try:
            found = self._runs.experiment(experiment)
            ids = [] if found is None else self._runs.find(found.id, tags, limit=1)
            if not ids:
                return {}, {}
            data = self._client.get_run(ids[0]).data
            return dict(data.metrics), dict(data.tags)
        except Exception as error:
            if not is_store_error(error):
                raise
            raise Unreachable(f"tracking store {self.home.uri} does not answer ({one_line(error)})") from error

    def flush(self) -> Path | None:
        """Try once more to send the calls that wait; return the file of those that still do, or None."""
        try:
            if not self._given_up:
                self._send_waiting()
        except Unreachable:
            return self._spool.path
        return self._spool.path if self._spool.waiting else None

    def give_up(self) -> None:
        """Ask the store nothing more: a user who has waited long enough must not wait again with each call."""
        self._quiet_until = math.inf

    @property
    def _given_up(self) -> bool:
        return self._quiet_until == math.inf

    def close(self) -> None:
        """Try once more to send the calls that wait; the rest is left for the next run."""
        self.flush()
        self._spool.close()

    def answers_before(self, deadline: float) -> bool:
        """Wait until the server answers, or until a time of `time.monotonic`; whether it does."""
        while time.monotonic() < deadline:
            time.sleep(WAIT_SECONDS)
            try:
                _probe(self.home.uri, ANSWER_SECONDS)
            except UnavailableError:
                continue
            return time.monotonic() < deadline
        return False

    def _record(self, op: str, run_id: str, **values: Any) -> None:
        call = {"op": op, "run": run_id, "experiment": self.experiment_id, **values}
        if time.monotonic() < self._quiet_until:
            self._spool.add({**call, "again": True})
            return
        try:
            self._send_waiting()  # calls keep their order
            self._send(call)
        except Unreachable as error:
            if not self._spool.waiting:  # once an outage
                later = "is sent when it answers, by this run or the next"
                log.warning("%s; going on, what is recorded waits in %s and %s", error, self._spool.path, later)
            self._quiet_until = time.monotonic() + RETRY_SECONDS
            self._spool.add({**call, "again": True})

    def _send_waiting(self) -> None:
        """Make the calls that wait; Unreachable if the store does not take them."""
        if self._spool.waiting:
            if self.home.is_server:
                began = time.monotonic()
                try:
                    _probe(self.home.uri, ANSWER_SECONDS)
                except UnavailableError as error:
                    self.unanswered_since = self.unanswered_since or began
                    raise Unreachable(str(error)) from error
            self._spool.send(self._send)

    def _send(self, call: dict[str, Any]) -> None:
        """Make one call; Unreachable if it may be made later. A call that is refused is logged and dropped."""
        began = time.monotonic()
        try:
            getattr(self, f"_send_{call['op']}")(call)
        except FileNotFoundError as error:
            log.warning("cannot record %s: %s is gone", call["op"], error.filename)
        except Exception as error:
            if not is_store_error(error):
                raise
            if transient(error):
                self.unanswered_since = self.unanswered_since or began
                raise Unreachable(f"tracking store {self.home.uri} does not answer ({one_line(error)})") from error
            log.warning("the tracking store refused %s: %s", call["op"], one_line(error))
        self.unanswered_since = None

    def _send_start(self, call: dict[str, Any]) -> None:
        local = call["run"]
        # A call that failed may have reached the store all the same.
        if not call.get("again") or self._find_local(local, call["experiment"]) is None:
            tags = {**call["tags"], LOCAL_TAG: local}
            if call["parent"]:
                tags[PARENT_TAG] = self._sent(call, "parent")
            self._run_ids[local] = self._runs.start(call["experiment"], call["name"], tags, call["time"])

    def _send_params(self, call: dict[str, Any]) -> None:
        self._runs.log_params(self._sent(call), call["params"])

    def _send_metrics(self, call: dict[str, Any]) -> None:
        self._runs.log_metrics(self._sent(call), call["metrics"], call["step"], call["time"])

    def _send_tags(self, call: dict[str, Any]) -> None:
        self._runs.set_tags(self._sent(call), call["tags"])

    def _send_link(self, call: dict[str, Any]) -> None:
        found = self._runs.find(call["experiment"], call["made_by"], limit=1)
        if found:
            self._runs.set_tags(self._sent(call), {call["tag"]: found[0]})

    def _send_artifacts(self, call: dict[str, Any]) -> None:
        path = Path(call["path"])
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
        self._runs.log_files(self._sent(call), path, call["to"])

    def _send_dataset(self, call: dict[str, Any]) -> None:
        self._runs.log_dataset(self._sent(call), call["name"], call["source"], call["digest"], call["context"])

    def _send_finish(self, call: dict[str, Any]) -> None:
        self._runs.finish(self._sent(call), call["status"], call["time"])

    def _sent(self, call: dict[str, Any], key: str = "run") -> str:
        """The store's id for a run that may have been started offline, by this process or an earlier one."""
        run_id = call[key]
        if not run_id.startswith(LOCAL):
            return run_id
        return self._find_local(run_id, call["experiment"]) or run_id

    def _find_local(self, local: str, experiment_id: str) -> str | None:
        if local not in self._run_ids:
            found = self._runs.find(experiment_id, {LOCAL_TAG: local}, limit=1)
            if found:
                self._run_ids[local] = found[0]
        return self._run_ids.get(local)


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, each as `outer.inner` and its value."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _experiment_id(home: TrackingHome, store: OpenStore, name: str) -> str | None:
    """Find the experiment; None if there is none of the name, RequestError if it was deleted."""
    with _opening(home, name):
        found = store.runs.experiment(name)
    if found is not None and not found.active:
        raise RequestError(
            f"experiment {name!r} was deleted in MLflow; choose another --name, or bring it back with: "
            f"MLFLOW_TRACKING_URI={shlex.quote(home.uri)} mlflow experiments restore --experiment-id {found.id}"
        )
    return None if found is None else found.id


def _create_experiment(home: TrackingHome, store: OpenStore, name: str) -> str:
    """Create the experiment, its files beside the database and not in the current folder."""
    with home.locked("mlflow"), _opening(home, name):
        if found := store.runs.experiment(name):  # another process was quicker
            return found.id
        _refuse_alike(store.client(), name)
        location = None if home.artifacts is None else (home.artifacts / name).absolute().as_uri()
        return store.client().create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS)


@contextlib.contextmanager
def _opening(home: TrackingHome, name: str) -> Iterator[None]:
    """Tell an error of the store in one line."""
    try:
        yield
    except Exception as error:
        if not is_store_error(error):
            raise
        kind = UnavailableError if transient(error) else RequestError
        raise kind(f"experiment {name!r} cannot be opened in {home.uri}: {one_line(error)}") from error


def _refuse_alike(client: MlflowClient, name: str) -> None:
    """RequestError where the files of a new model would share a folder with another's, on disks that know no capitals."""
    from mlflow.entities import ViewType

    token = None
    while True:
        page = client.search_experiments(ViewType.ALL, page_token=token)
        for other in (experiment.name for experiment in page):
            if alike(other, name):
                raise RequestError(
                    f"model {name}: there is {other}, which differs from it only in capitals; give --name {other} to go on "
                    "with that one, or another name"
                )
        if not (token := page.token):
            return


@dataclass(frozen=True)
class RegistryReader:
    """The registered models of a store that is only read. Made by `open_to_read`."""

    home: TrackingHome
    registry: Registry


def open_to_read(tracking_uri: str | None, data_root: Path, checkout: Path) -> RegistryReader:
    """Open a store for reading registered models; the errors are those of `Tracker.open`.

    Whoever reads needs no address of a bucket: a model whose decisions are in one says so in the registry.

    A SQLite file of a known schema is read without importing MLflow.
    """
    home = _reachable(tracking_uri, data_root, checkout, may_be_missing=False)
    store = open_known(home, to_read=True) or open_any(home, to_read=True)
    return RegistryReader(home, Registry(home, store.models, "", store.places, to_change=store.client))


def _reachable(tracking_uri: str | None, data_root: Path, checkout: Path, *, may_be_missing: bool) -> TrackingHome:
    """Find the store, and make sure that its server answers or its file is there."""
    home = tracking_home(tracking_uri, data_root, checkout)
    if home.is_server:
        import_mlflow()
        log_in(home)
        up = f"textmill up --runtime.data-root {shlex.quote(str(data_root))} starts it"
        _probe(home.uri, OPEN_SECONDS, *([up] if home.ours else []))
    elif home.database and not may_be_missing and not home.database.exists():
        raise RequestError(f"no model is registered yet: {home.database} is missing; run textmill train first")
    return home


def _probe(uri: str, seconds: float, remedy: str = "start it, or change the tracking URI") -> None:
    """Ask the server whether it is there; UnavailableError if it takes no connection in 2 s, or gives no answer in so many.

    Any answer will do: that of a server that wants a password first, or that knows no such page.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    parts = urlparse(uri)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS).close()
        once = {"Connection": "close"}  # a connection that is kept may be to a server that has restarted meanwhile
        creds = get_default_host_creds(uri)
        http_request(creds, "/health", "GET", extra_headers=once, timeout=seconds, max_retries=0, raise_on_status=False).close()
    except (MlflowException, OSError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else "it takes connections and says nothing"
        raise UnavailableError(f"no MLflow server answers at {uri} ({reason}); {remedy}") from error


def _now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(time.time() * 1000)
