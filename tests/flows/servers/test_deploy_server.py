"""Deployments on a real Prefect server with real workers and MLflow: what fires, starts, is promoted, refused and survived."""

import contextlib
import datetime
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.servers.pidfile import PidFile
from flows.servers.server import Server, free_port
from flows.servers.services import start_all, stop_all
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError, UnavailableError
from tasks.finetune.settings import FinetuneConfig
from tasks.monitor.state import MonitorState
from tasks.runtime import Runtime
from tests.command_line import TEXTMILL
from tests.patience import HANGS_SECONDS, until

pytestmark = pytest.mark.long

LATER = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
NEVER = f"0 0 {LATER.day} {LATER.month} *"  # not in this test, but soon enough for the server to plan it


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    return Runtime(data_root=tmp_path_factory.mktemp("my root 数据 #1"), workers=1, server_timeout=HANGS_SECONDS)


@pytest.fixture(scope="module")
def client(runtime: Runtime) -> Iterator[SyncPrefectClient]:
    """A client of a server with its workers and MLflow, as `textmill up` starts them."""
    saved = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_"))]:
        del os.environ[name]
    os.environ["PREFECT_HOME"] = str(runtime.data_root / "prefect")
    os.environ["PREFECT_WORKER_QUERY_SECONDS"] = "2"
    try:
        start_all(runtime, prefect_port=free_port(), mlflow_port=free_port())
        with Server(runtime.data_root, timeout=HANGS_SECONDS) as endpoint:
            from prefect.client.orchestration import get_client
            from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

            settings = {PREFECT_API_URL: endpoint.url, PREFECT_API_AUTH_STRING: endpoint.auth}
            with temporary_settings(settings), get_client(sync_client=True) as client:
                yield client
    finally:
        stop_all(runtime)
        os.environ.clear()
        os.environ.update(saved)


@pytest.fixture(scope="module")
def good(corpus: Path, runtime: Runtime) -> PipelineConfig:
    """What trains a fair model of the sample in a few seconds."""
    finetune = {"model": "bag", "epochs": 3, "threads": 1}
    sections = {"ingest": {"path": corpus}, "finetune": finetune, "evaluate": {"yardstick": False, "bootstrap": 100}}
    return PipelineConfig.model_validate({"name": "news", "runtime": runtime, **sections})


def bag_of(config: PipelineConfig, min_documents: int) -> FinetuneConfig:
    """Its settings of finetune with another bound for rare words."""
    bag = config.finetune.bag.model_copy(update={"min_documents": min_documents})
    return config.finetune.model_copy(update={"bag": bag})


@pytest.fixture(scope="module")
def bad(good: PipelineConfig) -> PipelineConfig:
    """The same without any word that is rarer than 'the'."""
    return good.model_copy(update={"finetune": bag_of(good, 60).model_copy(update={"epochs": 1})})


@pytest.fixture(scope="module")
def monitor(runtime: Runtime) -> RefreshConfig:
    """A monitor whose alerts go to a file."""
    channels = runtime.data_root / "channels.toml"
    channels.write_text(f'[desk]\nkind = "file"\npath = "{runtime.data_root / "alerts.jsonl"}"\n')
    channels.chmod(0o600)
    inbox = runtime.data_root / "inbox"
    inbox.mkdir()
    sections = {
        "collect": {"name": "desk", "source": str(inbox)},
        "score": {"model": "news@champion"},
        "detect": {"drift_min_documents": 10},  # the profile of so small a model has no more
        "notify": {"channels": channels},
        "retrain": {"deployment": "train/news"},
    }
    return RefreshConfig.model_validate({"runtime": runtime, **sections})


def deploy_train(config: Any, cron: str = NEVER) -> None:
    from flows.servers.deploy import deploy, make_plans

    deploy(make_plans(config, None, train_cron=cron))


def start(client: SyncPrefectClient, deployment: str = "train/news") -> UUID:
    return client.create_flow_run_from_deployment(client.read_deployment_by_name(deployment).id).id


def ended(client: SyncPrefectClient, run_id: UUID) -> Any:
    """Wait for the end of a run; its last state."""

    def final() -> Any:
        state = client.read_flow_run(run_id).state
        return state if state and state.is_final() else None

    return until(final, f"the end of {run_id}")


def result(runtime: Runtime, run_id: UUID | str) -> dict[str, Any]:
    return json.loads((runtime.data_root / "runs" / f"{run_id}.json").read_bytes())["result"]


def test_a_deployment_names_its_flow_by_module_and_its_runs_are_judged_by_their_heartbeat(
    client: SyncPrefectClient, good: PipelineConfig
) -> None:
    from flows.servers.deploy import ANYWHERE, deploy, make_plans
    from flows.servers.heartbeat import NEVER_BEGAN, SILENT, TAG

    for anywhere in (False, True):  # the second replaces the first
        deploy(make_plans(good.model_copy(update={"name": "moved"}), None, train_cron=NEVER, anywhere=anywhere))
        made = client.read_deployment_by_name("train/moved")
        assert (made.entrypoint, made.pull_steps or [], made.tags) == ("flows.train.train", [], [TAG])
        assert (made.work_queue_name == ANYWHERE, "TEXTMILL_ANY_HOST" in made.job_variables["env"]) == (anywhere, anywhere)
    names = [each.name for each in client.read_automations()]
    assert sorted(name for name in names if name.startswith("textmill")) == sorted([SILENT, NEVER_BEGAN])
    client.delete_deployment(made.id)


def champion(runtime: Runtime) -> Any:
    from tasks.tracking.tracker import Tracker

    tracker = Tracker.open(None, runtime.data_root, CHECKOUT, None)
    try:
        return tracker.registry.aliases("news")["champion"]
    finally:
        tracker.close()


def test_a_schedule_fires(client: SyncPrefectClient, runtime: Runtime, bad: PipelineConfig) -> None:
    from prefect.client.schemas.objects import StateType

    from flows.servers.deployed import latest_runs, look_at_deployments

    deploy_train(bad, cron="* * * * *")
    deployment = client.read_deployment_by_name("train/news")
    (run,) = until(lambda: latest_runs(client, deployment.id, [StateType.RUNNING], 1), "a scheduled run")
    deploy_train(bad)  # before the next minute comes
    assert run.auto_scheduled
    assert ended(client, run.id).is_completed()
    assert result(runtime, run.id)["decision"] == "first"
    schedules = client.read_deployment_by_name("train/news").schedules
    assert [(schedule.slug, schedule.schedule.cron) for schedule in schedules] == [("nightly", NEVER)]  # replaced, not added
    last, planned = look_at_deployments()["train/news"]
    assert last.startswith("20")
    assert planned


def test_the_cron_line_of_the_page_of_schedules_says_nothing_while_all_is_well(
    client: SyncPrefectClient, runtime: Runtime
) -> None:
    (written,) = [line for line in (CHECKOUT / "docs/SCHEDULES.md").read_text().splitlines() if line.startswith("0 * * * *")]
    doctor = shlex.join([sys.executable, "-m", "flows.commands", "doctor", "--runtime.data-root", str(runtime.data_root)])

    def cron(**more: Any) -> str:
        command = written.removeprefix("0 * * * *")
        for name, value in {"CHECKOUT": shlex.quote(str(CHECKOUT)), ".venv/bin/textmill doctor": doctor}.items():
            assert name in command
            command = command.replace(name, value)
        environment = {"HOME": str(runtime.data_root), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}  # as cron has it
        said = subprocess.run(["/bin/sh", "-c", command], env=environment | more, cwd="/", capture_output=True, text=True)
        return said.stdout + said.stderr

    assert cron() == ""
    assert "http://127.0.0.1:9/api does not answer" in cron(PREFECT_API_URL="http://127.0.0.1:9/api")


def write_news(path: Path, texts: Any) -> None:
    """Forty texts for each of the last six days, and one without a date."""
    today = datetime.datetime.now(datetime.UTC).date()
    rows = [f"{today - datetime.timedelta(days=n % 6)},{text} {n}" for n, text in zip(range(240), itertools.cycle(texts))]
    path.write_text("\n".join(["time,text", *rows, "Jul-18,Undated"]) + "\n")


def asked_for(client: SyncPrefectClient, deployment: str) -> Any:
    """The runs of a deployment, but for those that its schedule plans."""
    from prefect.client.schemas.objects import StateType

    from flows.servers.deployed import latest_runs

    runs = latest_runs(client, client.read_deployment_by_name(deployment).id, list(StateType), 100)
    return [run for run in runs if not run.auto_scheduled]


def test_a_worker_runs_the_refresh_whose_drift_starts_one_training_run_and_the_better_model_is_promoted(
    client: SyncPrefectClient, runtime: Runtime, good: PipelineConfig, monitor: RefreshConfig
) -> None:
    from flows.retrain import start_requested
    from flows.servers.deploy import deploy, make_plans

    inbox = Path(str(monitor.collect.source))
    write_news(inbox / "news.csv", ["the zxq wvu tsr", "the qqq", "the unheard of words and no others at all"])
    plans = make_plans(good, monitor, train_cron=NEVER, refresh_cron=NEVER)
    deploy([plan for plan in plans if plan.flow != "watch"])
    for _ in range(2):  # the second finds nothing new and asks for nothing more
        assert ended(client, start(client, "refresh/desk")).is_completed()
    page = (runtime.data_root / "monitor" / "desk" / "dashboard.html").read_text()
    assert "240 documents" in page
    with MonitorState.open(runtime.data_root, "desk") as state:
        figures = [{name: row[name] for name in ("model", "found", "scored", "quarantined")} for row in state.refreshes()]
        assert figures == [{"model": "news/1", "found": 241, "scored": n, "quarantined": 1} for n in (240, 0)]
        (asked,) = [alert for alert in state.alerts() if alert.kind == "retrain"]
        assert "length" in asked.evidence["message"]
        assert state.waiting() == []
        runs = asked_for(client, "train/news")
        (run_id,) = [str(run.id) for run in runs if run.idempotency_key == asked.id]
        # Killed between the start and its being taken down: the request is sent again and starts nothing new.
        state.db.execute("UPDATE deliveries SET delivered = NULL WHERE channel = 'deployment:train/news'")
        assert start_requested(state) == [run_id]
        assert len(asked_for(client, "train/news")) == len(runs)
    told = [json.loads(line)["id"] for line in (runtime.data_root / "alerts.jsonl").read_text().splitlines()]
    assert told.count(asked.id) == 1
    assert ended(client, UUID(run_id)).is_completed()
    assert result(runtime, run_id)["decision"] == "promoted"
    assert champion(runtime) == 2

    write_news(inbox / "more.csv", ["Sales rose", "Sales fell"])
    assert ended(client, start(client, "refresh/desk")).is_completed()
    with MonitorState.read(runtime.data_root, "desk") as state:
        assert state.refreshes()[-1]["model"] == "news/2"  # the next refresh takes the new champion


def test_a_worse_challenger_is_refused_and_told_of_and_rollback_restores(
    client: SyncPrefectClient, runtime: Runtime, bad: PipelineConfig, monitor: RefreshConfig
) -> None:
    from flows.watch import watch
    from tasks.register.models import rollback
    from tasks.tracking.tracker import Tracker

    worse = bad.model_copy(update={"finetune": bag_of(bad, 50)})
    deploy_train(worse)
    run_id = start(client)
    assert ended(client, run_id).is_completed()
    told = result(runtime, run_id)
    assert told["decision"] == "refused"
    assert champion(runtime) == 2

    other = monitor.model_copy(update={"collect": monitor.collect.model_copy(update={"name": "other"})})
    first, second = watch(other), watch(other)
    messages = {alert["series"]: alert["message"] for alert in first["alerts"]}
    assert told["reason"] in messages["train/news"]
    assert messages["refresh/other"] == "refresh/other is not deployed; run textmill deploy"
    assert second["alerts"] == []  # what was told is not told again
    lines = [json.loads(line) for line in (runtime.data_root / "alerts.jsonl").read_text().splitlines()]
    of_watchdog = {alert["id"] for alert in first["alerts"]}
    assert sorted(line["series"] for line in lines if line["id"] in of_watchdog) == ["refresh/other", "train/news"]

    tracker = Tracker.open(None, runtime.data_root, CHECKOUT, None)
    try:
        rollback(tracker, "news")
    finally:
        tracker.close()
    assert champion(runtime) == 1


def kill(services: PidFile, name: str) -> None:
    """End a service as a crash does."""
    process = services.running(name)
    assert process is not None
    os.kill(process, signal.SIGKILL)


def test_a_killed_worker_does_not_block_the_next_run_for_ever(
    client: SyncPrefectClient, runtime: Runtime, good: PipelineConfig
) -> None:
    from prefect.client.schemas.objects import StateType

    again = good.model_copy(update={"finetune": good.finetune.model_copy(update={"seed": 7, "epochs": 400, "patience": 400})})
    deploy_train(again)
    stuck = start(client)
    until(lambda: client.read_flow_run(stuck).state_type == StateType.RUNNING, "a run that runs")
    record = runtime.data_root / "runs" / f"{stuck}.json"
    until(record.exists, "its record")
    services = PidFile(runtime.data_root)
    kill(services, "worker")
    with contextlib.suppress(ProcessLookupError):  # the run outlives its worker, unless it is killed too
        os.kill(json.loads(record.read_bytes())["process"][0], signal.SIGKILL)
    until(lambda: services.running("worker") is None, "the end of the worker")

    start_all(runtime, prefect_port=0, mlflow_port=0)
    deploy_train(good)
    waiting = start(client)
    until(lambda: client.read_flow_run(waiting).state_name == "AwaitingConcurrencySlot", "the next run to queue")
    let_leases_run_out(runtime.data_root / "prefect" / "concurrency_leases")
    assert ended(client, waiting).is_completed()
    stages = result(runtime, waiting)["stages"]
    assert {name for name, stage in stages.items() if not stage["cached"]} <= {"register"}  # unchanged data: nothing to do
    assert client.read_flow_run(stuck).state_name == "Crashed"
    assert json.loads(record.read_bytes())["status"] == "killed"


def test_a_sweep_goes_on_after_its_command_was_stopped_and_its_run_was_killed(
    client: SyncPrefectClient, runtime: Runtime, corpus: Path
) -> None:
    from flows.servers.deployed import read_deployments

    words = [*TEXTMILL, "sweep", "--over", "finetune.seed=1..3", "--name", "swept", "--ingest.path", str(corpus), "--json"]
    words += ["--finetune.model", "bag", "--finetune.epochs", "300", "--finetune.patience", "300", "--finetune.threads", "1"]
    words += ["--evaluate.yardstick", "false", "--evaluate.bootstrap", "100", "--register.evidence", "test"]
    words += ["--runtime.data-root", str(runtime.data_root)]

    def under_way() -> Any:
        records = (json.loads(path.read_bytes()) for path in (runtime.data_root / "runs").glob("*.json"))
        return [
            each for each in records if (each["name"], each["status"]) == ("swept", "running") and "prepare" in each["keys"]
        ]

    with subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        # A shell that starts the tests beside it has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as first:
        (record,) = until(under_way, "the first run")
        first.send_signal(signal.SIGINT)
        told = first.communicate()[1]
    assert first.returncode == 130
    (left,) = [name for name in read_deployments(client) if "swept-sweep" in name]
    assert f"textmill undeploy {left}" in told
    with contextlib.suppress(ProcessLookupError):
        os.kill(record["process"][0], signal.SIGKILL)
    found = json.loads(subprocess.run(words, capture_output=True, text=True, cwd=CHECKOUT, check=True).stdout)
    assert [row["settings"] for row in found["runs"]] == [{"finetune.seed": seed} for seed in ("1", "2", "3")]
    assert {row["state"] for row in found["runs"]} == {"Completed"}
    assert all(0.3 < row["accuracy"] <= 1 for row in found["runs"])
    assert found["by_seed"][0]["runs"] == 3
    stages = [result(runtime, row["flow_run_id"])["stages"] for row in found["runs"]]
    assert all(stage["prepare"]["cached"] for stage in stages)  # the run that was killed had made it
    assert "swept-sweep" not in " ".join(read_deployments(client))


def let_leases_run_out(folder: Path) -> None:
    """Make the five minutes pass after which the server takes back the place of a run that no longer says that it lives."""
    (lease,) = [path for path in folder.glob("*.json") if path.name != "expirations.json"]
    past = "2020-01-01T00:00:00+00:00"
    lease.write_text(json.dumps(json.loads(lease.read_text()) | {"expiration": past}))
    index = folder / "expirations.json"
    index.write_text(json.dumps(dict.fromkeys(json.loads(index.read_text()), past)))


def complaint_when_paused(client: SyncPrefectClient, name: str, data_root: Path) -> str:
    """What doctor's check says once the deployment is paused and nothing is planned of it any more."""
    from flows.commands.health import deployments

    def complaint() -> str:
        # Pausing takes the planned runs away, but a scheduler that was at work may put one back after it.
        client.pause_deployment(client.read_deployment_by_name(name).id)
        try:
            deployments(data_root)
        except UnavailableError as error:
            return str(error)
        return ""

    return until(complaint, "a complaint", every=1.0)


def test_the_watchdog_warns_of_what_has_not_succeeded_for_long(
    client: SyncPrefectClient, runtime: Runtime, good: PipelineConfig, monitor: RefreshConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.commands.health import deployments, workers
    from flows.servers.deploy import deploy, make_plans
    from flows.watch import ended_badly, look, watched_since

    def ended_badly_since(client: SyncPrefectClient, config: Any, since: datetime.datetime | None) -> Any:
        deployment = client.read_deployment_by_name("train/news")
        return ended_badly(client, config, "train/news", deployment, since=since)

    deploy(make_plans(good, monitor, train_cron=NEVER, refresh_cron=NEVER))
    now = time.time()
    assert [alert for alert in look(client, monitor, now) if alert.kind == "watchdog"] == []
    assert [alert for alert in look(client, monitor, now + 4 * 3600) if alert.kind == "watchdog"] == []  # none is due yet
    assert ended_badly_since(client, monitor, None)
    assert ended_badly_since(client, monitor, watched_since(client, monitor)) == []  # what ended before the watchdog came
    monkeypatch.setattr("flows.watch.patience_hours", lambda _: 0.0)
    later = {alert.series: alert for alert in look(client, monitor, now + 4 * 3600) if alert.kind == "watchdog"}
    assert list(later) == ["refresh/desk"]  # train has 36 hours
    assert "refresh/desk 20" in deployments(runtime.data_root)
    assert "watch/desk never" in deployments(runtime.data_root)
    run = client.create_flow_run_from_deployment(client.read_deployment_by_name("watch/desk").id)
    assert ended(client, run.id).is_completed()  # by the worker of its own pool
    assert re.match(r"textmill [12] online, last seen 20.*textmill-watch 1 online", workers(runtime.data_root))
    services = PidFile(runtime.data_root)
    kill(services, "watch-worker")
    until(lambda: services.running("watch-worker") is None, "the end of the worker")
    with pytest.raises(UnavailableError, match="nobody works for textmill-watch; textmill up starts a worker again"):
        workers(runtime.data_root)

    monkeypatch.setattr("flows.servers.deployed.PLANNING_SECONDS", 0.0)
    assert "no run is planned of refresh/desk" in complaint_when_paused(client, "refresh/desk", runtime.data_root)
    assert re.match(
        r"no run of refresh/desk succeeded for 4\.\d hours \(the last did", later["refresh/desk"].evidence["message"]
    )


def test_a_second_deployment_says_what_it_replaces_and_leaves_and_what_is_undeployed_is_gone(
    client: SyncPrefectClient, runtime: Runtime, good: PipelineConfig, monitor: RefreshConfig
) -> None:
    from flows.servers.deploy import deploy_and_compare, make_plans
    from flows.servers.deployed import undeploy

    def deploy_again(train: Any, refresh: Any = None, **options: Any) -> Any:
        return deploy_and_compare(make_plans(train, refresh, **options))

    def rows(result: Any) -> Any:
        return {row["name"]: (row["state"], row["paused"], row["changed"]) for row in result["deployments"]}

    deploy_again(good, monitor, train_cron=NEVER, refresh_cron=NEVER)
    other = monitor.model_copy(update={"collect": monitor.collect.model_copy(update={"name": "新闻"})})
    first = deploy_again(good, other, train_cron=NEVER)
    assert rows(first)["refresh/新闻"] == rows(first)["watch/新闻"] == ("made", False, {})
    assert all(len(row["next"]) == 3 for row in first["deployments"])
    assert {"refresh/desk", "watch/desk", "train/train"} <= set(first["left"])
    assert "train/news" not in first["left"]

    client.pause_deployment(client.read_deployment_by_name("train/news").id)
    changed = good.model_copy(update={"finetune": good.finetune.model_copy(update={"epochs": 4})})
    second = deploy_again(changed, train_cron="0 4 * * 1", timezone="Europe/Berlin")
    differences = {"finetune.epochs": [3, 4], "schedule": [f"{NEVER} UTC", "0 4 * * 1 Europe/Berlin"]}
    assert rows(second) == {"train/news": ("replaced", True, differences)}
    assert client.read_deployment_by_name("train/news").paused
    assert rows(deploy_again(changed, train_cron="0 4 * * 1", timezone="Europe/Berlin")) == {
        "train/news": ("unchanged", True, {})
    }

    with pytest.raises(RequestError, match=r"nothing is deployed as 'dsk'; there are: .*refresh/desk"):
        undeploy("dsk", runtime)
    taken = undeploy("train/news", runtime)
    assert taken["gone"] == ["train/news"]
    assert set(taken["starts"]) >= {"refresh/新闻"}
    assert undeploy("新闻", runtime)["gone"] == ["refresh/新闻", "watch/新闻"]
    assert "refresh/新闻" not in undeploy("desk", runtime)["left"]
    assert [each.name for each in client.read_deployments()] == ["train"]
