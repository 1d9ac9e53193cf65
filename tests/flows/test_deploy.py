"""What `textmill deploy` makes of prefect.yaml and its options, before any server is asked."""

import json
import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.deploy import lasting_endpoint, make_plans, read_plans, schedules_of, split_arguments
from flows.server import Endpoint
from tasks.config import CHECKOUT, PipelineConfig, RefreshConfig
from tasks.errors import RequestError

TRAIN = PipelineConfig.model_validate({"name": "news", "ingest": {"path": CHECKOUT / "data/sample"}})
DESK = RefreshConfig.model_validate({"collect": {"name": "desk", "source": "inbox"}})


def test_each_deployment_is_called_for_what_it_works_on_and_queues():
    plans = {plan.full_name: plan for plan in make_plans(TRAIN, DESK)}
    assert list(plans) == ["train/news", "refresh/desk", "watch/desk"]
    assert {(plan.limit, plan.collision_strategy) for plan in plans.values()} == {(1, "ENQUEUE")}
    assert plans["watch/desk"].work_pool != plans["refresh/desk"].work_pool == plans["train/news"].work_pool
    assert PipelineConfig.model_validate(plans["train/news"].parameters["config"]) == TRAIN
    given = RefreshConfig.model_validate(plans["refresh/desk"].parameters["config"])
    assert given.model_copy(update={"retrain": DESK.retrain}) == DESK
    assert plans["watch/desk"].parameters == plans["refresh/desk"].parameters


def test_drift_starts_the_training_that_is_deployed_with_the_monitor_unless_another_is_named():
    def started_by(refresh, train=TRAIN):
        plans = make_plans(train, refresh)
        return {plan.parameters["config"]["retrain"]["deployment"] for plan in plans if plan.flow != "train"}

    assert started_by(DESK) == {"train/news"}
    assert started_by(DESK, train=None) == {None}
    other = DESK.model_copy(update={"retrain": DESK.retrain.model_copy(update={"deployment": "train/other"})})
    assert started_by(other) == {"train/other"}


def test_options_take_the_place_of_what_stands_in_the_file():
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
        ({"train_cron": "at night"}, ["cron 'at night'", "train/news"]),
        ({"refresh_cron": "* * * *"}, ["cron '* * * *'", "refresh/desk"]),
        ({"timezone": "Berlin"}, ["--timezone 'Berlin'", "Europe/London"]),
    ],
)
def test_a_schedule_that_is_none_is_refused(options, words):
    with pytest.raises(RequestError) as refused:
        make_plans(TRAIN, DESK, **options)
    assert all(word in str(refused.value) for word in words)


def test_the_server_of_a_run_is_not_one_for_schedules(tmp_path):
    written = {"url": "http://127.0.0.1:9/api", "auth": None, "process": [1, "1"], "stays": False}
    (tmp_path / "server.json").write_text(json.dumps(written))
    assert lasting_endpoint(tmp_path) is None
    (tmp_path / "server.json").write_text(json.dumps(written | {"stays": True}))
    assert lasting_endpoint(tmp_path) == Endpoint("http://127.0.0.1:9/api")


def test_options_go_to_the_flow_that_has_them():
    given = ["--ingest.path", "a b.csv", "--collect.source=x", "--runtime.data-root", "d", "--retrain.cooldown-days", "3"]
    train, refresh = split_arguments(given)
    assert train == ["--ingest.path", "a b.csv", "--runtime.data-root", "d"]
    assert refresh == ["--collect.source=x", "--runtime.data-root", "d", "--retrain.cooldown-days", "3"]
    assert split_arguments(["--ingst.path", "x"]) == (["--ingst.path", "x"], [])  # train says that it has none


def test_prefect_itself_reads_the_file():
    """`prefect deploy --all` shows the same deployments; its own models check what it takes from them."""
    import yaml
    from prefect.client.schemas.objects import ConcurrencyLimitConfig

    entries = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    for entry in entries:
        ConcurrencyLimitConfig.model_validate(entry["concurrency_limit"])
        module, name = entry["entrypoint"].split(":")
        assert f"def {name}(" in (CHECKOUT / module).read_text()
    assert {entry["name"] for entry in entries} == read_plans().keys() == {"train", "refresh", "watch"}


@pytest.mark.parametrize("text", ["", "deployments: [{name: train}]", "deployments: {", "deployments: 3"])
def test_a_broken_file_is_named(tmp_path, text):
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
        (["--refresh-preset", "headlines"], ["nothing to collect", "--collect.source"]),
        (["--train-preset", "sample"], ["no Prefect server", "textmill up"]),
    ],
)
def test_a_wrong_request_ends_with_2_and_one_line_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
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
