"""What `textmill deploy` makes of prefect.yaml and its options, before any server is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prefect.client.schemas.schedules import CronSchedule

from flows.commands.deploy import split_arguments
from flows.commands.main import main
from flows.servers.deploy import make_plans, read_plans, schedules_of
from flows.servers.deployed import lasting_endpoint
from flows.servers.schedule import longest_gap_hours, patience_hours
from flows.servers.server import Endpoint
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError

TRAIN = PipelineConfig.model_validate({"name": "news", "ingest": {"path": CHECKOUT / "data/sample"}})
INBOX = ["--collect.source", "inbox"]
DESK = RefreshConfig.model_validate({"collect": {"name": "desk", "source": "inbox"}})


def test_each_deployment_is_called_for_what_it_works_on_and_queues() -> None:
    plans = {plan.full_name: plan for plan in make_plans(TRAIN, DESK)}
    assert list(plans) == ["train/news", "refresh/desk", "watch/desk"]
    assert {(plan.limit, plan.collision_strategy) for plan in plans.values()} == {(1, "ENQUEUE")}
    assert plans["watch/desk"].work_pool != plans["refresh/desk"].work_pool == plans["train/news"].work_pool
    assert PipelineConfig.model_validate(plans["train/news"].parameters["config"]) == TRAIN
    given = RefreshConfig.model_validate(plans["refresh/desk"].parameters["config"])
    assert given.model_copy(update={"retrain": DESK.retrain}) == DESK
    assert plans["watch/desk"].parameters == plans["refresh/desk"].parameters


def test_drift_starts_the_training_that_is_deployed_with_the_monitor_unless_another_is_named() -> None:
    def started_by(refresh: Any, train: Any = TRAIN) -> set[str]:
        plans = make_plans(train, refresh)
        return {plan.parameters["config"]["retrain"]["deployment"] for plan in plans if plan.flow != "train"}

    assert started_by(DESK) == {"train/news"}
    assert started_by(DESK, train=None) == {None}
    other = DESK.model_copy(update={"retrain": DESK.retrain.model_copy(update={"deployment": "train/other"})})
    assert started_by(other) == {"train/other"}


def test_options_take_the_place_of_what_stands_in_the_file() -> None:
    plans = make_plans(TRAIN, DESK, train_cron="0 4 * * 1", timezone="Europe/Berlin")
    assert [(cron.slug, cron.cron, cron.timezone) for plan in plans for cron in plan.schedules] == [
        ("nightly", "0 4 * * 1", "Europe/Berlin"),
        ("quarter-hourly", "*/15 * * * *", "Europe/Berlin"),
        ("quarter-hourly", "7-59/15 * * * *", "Europe/Berlin"),
    ]
    assert [schedule.slug for schedule in schedules_of(plans[0])] == ["nightly"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_cron": "at night"}, ["--train-cron 'at night' is not a cron expression"]),
        ({"refresh_cron": "* * * *"}, ["--refresh-cron '* * * *' is not a cron expression"]),
        ({"train_cron": "0 0 31 2 *"}, ["--train-cron '0 0 31 2 *' would never run", "no such day"]),
        ({"timezone": "Berlin"}, ["--timezone 'Berlin'", "did you mean Europe/Berlin?"]),
    ],
)
def test_a_schedule_that_the_scheduler_would_not_run_is_refused(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RequestError) as refused:
        make_plans(TRAIN, DESK, **options)
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(
    ("cron", "hours"),
    [("*/15 * * * *", 0.25), ("30 2 * * *", 24), ("0 4 * * 1", 7 * 24), ("* 9-17 * * 1-5", 72), ("0 9 1 * *", 31 * 24)],
)
def test_the_longest_gap_of_a_schedule(cron: str, hours: float) -> None:
    assert longest_gap_hours(cron, "UTC") == pytest.approx(hours)


def test_a_weekly_deployment_is_given_more_than_a_week() -> None:
    def patience(*crons: Any, active: bool = True) -> float:
        schedules = [SimpleNamespace(schedule=CronSchedule(cron=cron, timezone="UTC"), active=active) for cron in crons]
        return patience_hours(cast("Any", SimpleNamespace(schedules=schedules)))

    assert patience("0 4 * * 1") == 7 * 24 + 12
    assert patience("30 2 * * *") == 36
    assert patience("0 4 * * 1", "30 2 * * *") == 36
    assert patience("0 4 * * 1", active=False) == patience() == 0


def test_the_server_of_a_run_is_not_one_for_schedules(tmp_path: Path) -> None:
    written = {"url": "http://127.0.0.1:9/api", "auth": None, "process": [1, "1"], "stays": False}
    (tmp_path / "server.json").write_text(json.dumps(written))
    assert lasting_endpoint(tmp_path) is None
    (tmp_path / "server.json").write_text(json.dumps(written | {"stays": True}))
    assert lasting_endpoint(tmp_path) == Endpoint("http://127.0.0.1:9/api")


def test_options_go_to_the_flow_that_has_them() -> None:
    given = ["--ingest.path", "a b.csv", "--collect.source=x", "--runtime.data-root", "d", "--retrain.cooldown-days", "3"]
    train, refresh = split_arguments(given)
    assert train == ["--ingest.path", "a b.csv", "--runtime.data-root", "d"]
    assert refresh == ["--collect.source=x", "--runtime.data-root", "d", "--retrain.cooldown-days", "3"]
    assert split_arguments(["--ingst.path", "x"]) == (["--ingst.path", "x"], [])  # train says that it has none


def test_prefect_itself_reads_the_file() -> None:
    """`prefect deploy --all` shows the same deployments; its own models check what it takes from them."""
    import yaml
    from prefect.client.schemas.objects import ConcurrencyLimitConfig

    entries = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    for entry in entries:
        ConcurrencyLimitConfig.model_validate(entry["concurrency_limit"])
        module, _, name = entry["entrypoint"].rpartition(".")
        assert f"def {name}(" in (CHECKOUT / f"{module.replace('.', '/')}.py").read_text()
    assert {entry["name"] for entry in entries} == read_plans().keys() == {"train", "refresh", "watch"}


@pytest.mark.parametrize("text", ["", "deployments: [{name: train}]", "deployments: {", "deployments: 3"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "prefect.yaml").write_text(text)
    with pytest.raises(RequestError, match=r"prefect\.yaml"):
        read_plans(tmp_path / "prefect.yaml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["nothing to deploy", "--train-preset"]),
        (["--train-preset", "smaple"], ["unknown preset 'smaple'", "did you mean sample"]),
        (["--train-preset", "sample", "--finetune.epochs", "0"], ["--finetune.epochs"]),
        (["--train-preset", "sample", "--train-config", "x.toml"], ["choose one"]),
        (["--train-preset", "sample", "--ingest.path", "absent"], ["absent"]),
        (["--refresh-preset", "headlines"], ["nothing to read", "--collect.source"]),
        (["--refresh-preset", "headlines", "--collect.source", "absent"], ["absent: no such file"]),
        (["--refresh-preset", "headlines", *INBOX, "--notify.channels", "open.toml"], ["can be read by others", "chmod 600"]),
        (["--refresh-preset", "headlines", *INBOX, "--score.watch-list", "open.toml"], ["unknown section [desk]"]),
        (["--refresh-preset", "headlines", "--colect.source", "x"], ["--colect.source", "correct it"]),
        (["--train-preset", "sample", "--detect.window-days=3"], ["--detect.window-days", "--refresh-preset"]),
        (["--train-preset", "sample"], ["no Prefect server", "prefect/server.json names none", "textmill up"]),
        (["--train-preset", "sample", "--train-cron", ""], ["--train-cron '' is not a cron expression"]),
        (["--train-preset", "sample", "--timezone", ""], ["--timezone '' is not a time zone"]),
        (
            ["--train-preset", "sample", "--refresh-cron", "@daily"],
            ["--refresh-cron '@daily' is for a refresh", "--refresh-preset"],
        ),
    ],
)
def test_a_wrong_request_ends_with_2_and_one_line_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "open.toml").write_text('[desk]\nkind = "file"\npath = "alerts.jsonl"\n')
    (tmp_path / "open.toml").chmod(0o644)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["textmill", "deploy", *arguments, "--runtime.data-root", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1), err
    assert all(word in err for word in words), err
    assert not (tmp_path / "prefect").exists()


def test_a_warning_is_printed_once(tmp_path: Path) -> None:
    (tmp_path / "monitor" / "monitor").mkdir(parents=True)
    (tmp_path / "monitor" / "monitor" / "state.db").touch()
    (tmp_path / "新华.csv").write_text("time,text\n2020-01-01,x\n")
    words = ["deploy", "--collect.source", str(tmp_path / "新华.csv"), "--runtime.data-root", str(tmp_path)]
    without = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    said = subprocess.run(
        [sys.executable, "-m", "flows.commands", *words], cwd=CHECKOUT, env=without, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2, said.stderr
    assert said.stderr.count("is called 新华 from now on") == 1, said.stderr


def edited(tmp_path: Path, old: str, new: str) -> Path:
    file = tmp_path / "prefect.yaml"
    text = (CHECKOUT / "prefect.yaml").read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


NIGHTLY = """schedules:
      - slug: nightly
        cron: 30 2 * * *
        timezone: UTC
"""


def test_a_schedule_that_was_taken_out_of_the_file_can_be_given_as_an_option(tmp_path: Path) -> None:
    file = edited(tmp_path, NIGHTLY, "schedules: []\n")
    assert make_plans(TRAIN, None, file=file)[0].schedules == ()
    (schedule,) = make_plans(TRAIN, None, train_cron="@weekly", timezone="Asia/Shanghai", file=file)[0].schedules
    assert (schedule.cron, schedule.timezone) == ("0 0 * * 0", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cron: 30 2 * * *", "cron: 30 2 30 2 *", ["prefect.yaml: cron '30 2 30 2 *' would never run"]),
        (
            "cron: 30 2 * * *\n        timezone: UTC",
            "cron: 30 2 * * *\n        timezone: Berlin",
            ["prefect.yaml: timezone 'Berlin'"],
        ),
        (
            "cron: 30 2 * * *",
            "interval: 3600",
            ["prefect.yaml: a schedule of train needs slug", "interval: 3600"],
        ),
        (
            "        cron: 30 2 * * *",
            "        active: false\n        cron: 30 2 * * *",
            ["takes nothing else", "active: False"],
        ),
        ("cron: 30 2 * * *", "cron: 5", ["each as text"]),
        ("name: watch", "name: other", ["no watch"]),
    ],
)
def test_a_schedule_of_the_file_is_checked_and_named_where_it_stands(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    with pytest.raises(RequestError) as refused:
        make_plans(TRAIN, None, file=edited(tmp_path, old, new))
    assert all(word in str(refused.value) for word in words), refused.value
