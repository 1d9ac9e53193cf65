"""The monitoring flow on real libraries: what it counts, what it warns of, and what a kill at any point leaves of it."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.commands.health import monitors
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tasks.week.span import WEEKDAYS
from tests.command_line import run_here
from tests.monitored import A_DAY, DAYS, FIRST, SURGE_DAYS, write_stream
from tests.patience import HANGS_SECONDS

CHECKOUT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def data_root(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose registry has a champion `news`."""
    from flows.train import train

    root = tmp_path_factory.mktemp("my root 数据 #1")
    sections = {
        "ingest": {"path": corpus},
        "pretrain": {"enabled": False},
        "finetune": {"model": "bag", "epochs": 4, "threads": 1},
        "evaluate": {"bootstrap": 100, "yardstick": False},
        "runtime": {"data_root": root, "workers": 1},
    }
    train(PipelineConfig.model_validate({"name": "news", **sections}))
    return root


@pytest.fixture(scope="module")
def stream(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety days of news, in the last week of which almost all is bad; one row without a full date."""
    texts = {
        label: [path.read_text().strip() for path in sorted((corpus / label).iterdir())] for label in ("negative", "positive")
    }
    path = tmp_path_factory.mktemp("stream") / "news.csv"
    write_stream(path, texts)
    return path


def config(data_root: Path, stream: Path, name: str, **sections: dict[str, Any]) -> RefreshConfig:
    collect = {"source": str(stream), "name": name, "text": "headline", "time": "when"} | sections.pop("collect", {})
    score = {"model": "news@champion"} | sections.pop("score", {})
    return RefreshConfig.model_validate({"collect": collect, "score": score, "runtime": {"data_root": data_root}, **sections})


def refresh(config: RefreshConfig) -> dict[str, Any]:
    from flows.refresh import refresh as flow

    return flow(config)


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file channel and a channel that is down."""
    folder = tmp_path_factory.mktemp("channels")
    path = folder / "channels.toml"
    path.write_text(
        f'[desk]\nkind = "file"\npath = "{folder / "alerts.jsonl"}"\n[down]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def first(data_root: Path, stream: Path, channels: Path) -> dict[str, Any]:
    return refresh(config(data_root, stream, "desk", notify={"channels": channels}))


def test_a_surge_is_counted_told_and_shown(first: dict[str, Any], data_root: Path, channels: Path) -> None:
    total = DAYS * A_DAY
    assert {name: first[name] for name in ("found", "scored", "duplicates", "quarantined", "reasons")} == {
        "found": total + 1,
        "scored": total,
        "duplicates": 0,
        "quarantined": 1,
        "reasons": {"incomplete_date": 1},
    }
    assert first["model"] == {"name": "news", "version": 1}
    (high,) = [alert for alert in first["alerts"] if (alert["series"], alert["severity"]) == ("all", "high")]
    assert str(FIRST + timedelta(DAYS - SURGE_DAYS)) <= high["window_end"] <= str(FIRST + timedelta(DAYS - 1))
    assert high["negative_share"] > high["baseline"]
    expected, changed = first["today"]["expected"], first["today"]["changed"]
    assert (expected["model"], expected["documents"]) == ("news/1", 28 * A_DAY)
    assert 0.0 < expected["promised_accuracy"] <= 1.0
    assert (changed["documents"], changed["documents_before"]) == (28 * A_DAY, (DAYS - 28) * A_DAY)
    page = Path(first["report"]).read_text()
    assert high["window_end"] in page
    assert ("Expected accuracy" in page, "What has changed" in page) == (True, True)
    assert re.search(r'<mark class="for3">\w+</mark>', page)  # what made the alert's headlines negative
    told = [json.loads(line) for line in (channels.parent / "alerts.jsonl").read_text().splitlines()]
    assert Counter(alert["id"] for alert in told) == Counter(alert["id"] for alert in first["alerts"])
    assert all(alert["evidence"]["headlines"] for alert in told if alert["kind"] == "surge")
    with MonitorState.read(data_root, "desk") as state:
        waiting = {row["alert"] for row in state.deliveries() if row["delivered"] is None}
        assert waiting == {alert["id"] for alert in first["alerts"]}  # for the channel that is down
        assert state.models().to_pylist()[0]["model"] == "news/1"


def test_prefect_shows_every_task_and_what_was_found(first: dict[str, Any]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=HANGS_SECONDS)
    with get_client(sync_client=True) as client:
        run_filter = FlowRunFilter(id=FlowRunFilterId(any_=[first["flow_run_id"]]))
        runs = {run.name: run.state_name for run in client.read_task_runs(flow_run_filter=run_filter)}
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["refresh-desk", "alerts-desk"]))
        )
    assert runs == dict.fromkeys(["collect", "score", "detect", "today", "notify", "dashboard"], "Completed")
    assert {artifact.key: artifact.type for artifact in found} == {"refresh-desk": "markdown", "alerts-desk": "table"}


def test_the_same_refresh_again_changes_nothing(first: dict[str, Any], data_root: Path, stream: Path, channels: Path) -> None:
    with MonitorState.read(data_root, "desk") as state:
        before = (state.counts(), state.histograms(), state.alerts())
    again = refresh(config(data_root, stream, "desk", notify={"channels": channels}))
    total = DAYS * A_DAY
    assert [again[name] for name in ("found", "scored", "duplicates", "quarantined")] == [total + 1, 0, total, 1]
    assert again["alerts"] == []
    with MonitorState.read(data_root, "desk") as state:
        assert (state.counts(), state.histograms(), state.alerts()) == before


@pytest.mark.long
def test_day_by_day_comes_to_the_same_as_all_at_once(first: dict[str, Any], data_root: Path, stream: Path) -> None:
    middle = FIRST + timedelta(DAYS - SURGE_DAYS - 1)
    early = refresh(config(data_root, stream, "slowly", collect={"until": middle}))
    assert (early["scored"], early["alerts"]) == ((DAYS - SURGE_DAYS) * A_DAY, [])
    for day in range(1, SURGE_DAYS + 1):
        refresh(
            config(data_root, stream, "slowly", collect={"since": middle + timedelta(day), "until": middle + timedelta(day)})
        )
    with MonitorState.read(data_root, "slowly") as slowly, MonitorState.read(data_root, "desk") as desk:
        assert (slowly.counts(), slowly.histograms()) == (desk.counts(), desk.histograms())
        assert slowly.counts(stories=True) == desk.counts(stories=True)
        assert sum(desk.counts("all", stories=True)["documents"].to_pylist()) == DAYS * (A_DAY - 1)  # one text a day is a copy
        keys = [[(a.kind, a.series, a.severity, a.window_end) for a in state.alerts()] for state in (slowly, desk)]
    assert keys[0] == keys[1]


@pytest.mark.long
def test_a_refresh_sends_the_week_once_when_it_is_due(
    first: dict[str, Any], data_root: Path, stream: Path, tmp_path: Path
) -> None:
    channels = tmp_path / "channels.toml"
    channels.write_text('[team]\nkind = "file"\npath = "team.jsonl"\n')
    channels.chmod(0o600)
    today = WEEKDAYS[datetime.now(UTC).weekday()]
    asked = config(data_root, stream, "weekly", notify={"channels": channels, "digest": today, "digest_hour": 0})
    assert refresh(asked)["summary"] is None  # it was begun after the last week
    with MonitorState.open(data_root, "weekly") as state:
        state.db.execute("UPDATE refreshes SET started = 0")
    (found,) = [refresh(asked)["summary"]]
    assert refresh(asked)["summary"] is None
    told = [json.loads(line) for line in (tmp_path / "team.jsonl").read_text().splitlines()]
    (sent,) = [each for each in told if each["kind"] == "summary"]
    assert (sent["id"], sent["count"], sent["window_end"]) == (found["id"], 0, found["window_end"])
    assert sent["evidence"]["week"]["newest"] == str(FIRST + timedelta(DAYS - 1))


def test_a_source_that_fails_leaves_no_trace_and_holds_nothing_up(
    first: dict[str, Any], data_root: Path, stream: Path, tmp_path: Path, channels: Path
) -> None:
    with MonitorState.open(data_root, "desk") as state:
        state.db.execute("UPDATE deliveries SET delivered = NULL, next_try = 0 WHERE channel = 'desk'")
        refreshes = state.refreshes()
    (channels.parent / "alerts.jsonl").unlink()
    with pytest.raises(RequestError, match="no such file or folder"):
        refresh(config(data_root, tmp_path / "absent.csv", "desk", notify={"channels": channels}))
    assert len((channels.parent / "alerts.jsonl").read_text().splitlines()) == len(first["alerts"])
    with MonitorState.read(data_root, "desk") as state:
        assert state.refreshes() == refreshes


def test_a_channel_that_becomes_unusable_is_told_and_served_when_it_is_mended(
    data_root: Path, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_artifact(*_: object, **__: object) -> None:
        raise ConnectionError

    path = tmp_path / "channels.toml"
    path.write_text(f'[desk]\nkind = "file"\npath = "{tmp_path / "alerts.jsonl"}"\n')
    path.chmod(0o644)
    monitor = config(data_root, stream, "exposed", notify={"channels": path})
    monkeypatch.setattr("flows.refresh.create_markdown_artifact", no_artifact)
    result = refresh(monitor)
    assert (result["undelivered"], result["channels_down"]) == (len(result["alerts"]), ["desk"])
    assert result["alerts"]
    assert "channel desk cannot be used" in caplog.text
    assert "Prefect shows no figures of this refresh (ConnectionError)" in caplog.text
    assert not (tmp_path / "alerts.jsonl").exists()
    path.chmod(0o600)
    mended = refresh(monitor)
    assert (mended["undelivered"], mended["channels_down"]) == (0, [])
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == len(result["alerts"])


KILLED = """
import os, sys
import torch
from flows.refresh import refresh
from tasks.config import RefreshConfig
from tasks.tracking.client import import_mlflow
import_mlflow()  # once, and not in each child
config = RefreshConfig.model_validate_json(sys.argv[1])
for point in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        os.environ["TEXTMILL_CRASH_AT"] = point
        refresh(config)
        os._exit(0)
    print(point, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.long
def test_prefect_shows_a_killed_refresh_as_crashed(
    first: dict[str, Any], data_root: Path, stream: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    path = tmp_path / "channels.toml"
    path.write_text(f'[desk]\nkind = "file"\npath = "{tmp_path / "alerts.jsonl"}"\n')
    path.chmod(0o600)
    name = "killed-desk"  # no other test's: all runs are on one server
    killed = config(data_root, stream, name, notify={"channels": path})
    points = ["monitor.uncommitted", "notify.sent", "none"]
    said = subprocess.run(
        [sys.executable, "-c", KILLED, killed.model_dump_json(), *points],
        cwd=CHECKOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    expected = [f"{point} {0 if point == 'none' else -signal.SIGKILL}" for point in points]
    assert said.stdout.splitlines() == expected, said.stderr
    with MonitorState.read(data_root, name) as state, MonitorState.read(data_root, "desk") as desk:
        assert (state.counts(), state.histograms()) == (desk.counts(), desk.histograms())
        assert [row["scored"] for row in state.refreshes()] == [DAYS * A_DAY, 0]
        assert all(row["delivered"] for row in state.deliveries())
    assert not list((data_root / "monitor" / name / "running").iterdir())
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])), sort=FlowRunSort.START_TIME_ASC
        )
    assert [run.state_name for run in runs] == ["Crashed", "Crashed", "Completed"]


def refresh_command(data_root: Path, stream: Path, name: str) -> subprocess.Popen[str]:
    """The command in a process of its own, with a Prefect server of its own."""
    source = ["--collect.source", str(stream), "--collect.name", name, "--collect.text", "headline", "--collect.time", "when"]
    arguments = [*source, "--score.model", "news@champion", "--runtime.data-root", str(data_root), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "flows.commands", "refresh", *arguments],
        cwd=CHECKOUT,
        # Once more, not three times: each further try of a call to a server that is gone waits twice as long.
        env={name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        | {"PREFECT_CLIENT_MAX_RETRIES": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.long
def test_a_refresh_outlives_its_prefect_server_and_the_next_one_tells_of_it(
    first: dict[str, Any], data_root: Path, stream: Path
) -> None:
    with refresh_command(data_root, stream, "outlived") as command:
        assert command.stderr
        lines = []
        for line in command.stderr:
            lines.append(line)
            if line.startswith("collect"):
                server = json.loads((data_root / "prefect" / "server.json").read_text())["process"][0]
                os.kill(server, signal.SIGKILL)
        assert command.stdout
        result = json.loads(command.stdout.read())
    assert command.returncode == 0, lines
    assert set(result["unreported"]) == {"prefect"}
    assert lines[-1].startswith("textmill: the run has ended well, but Prefect's server is gone")
    assert (result["scored"], result["quarantined"]) == (DAYS * A_DAY, 1)
    with MonitorState.read(data_root, "outlived") as state, MonitorState.read(data_root, "desk") as desk:
        assert (state.counts(), state.histograms()) == (desk.counts(), desk.histograms())
    with refresh_command(data_root, stream, "outlived") as again:
        said, _ = again.communicate()
    assert again.returncode == 0
    assert (json.loads(said)["scored"], json.loads(said)["unreported"]) == (0, {})
    with contextlib.closing(sqlite3.connect(data_root / "prefect" / "prefect.db")) as database:
        states = dict(database.execute("select id, state_type from flow_run where name = 'outlived'").fetchall())
    assert states == {result["flow_run_id"]: "COMPLETED", json.loads(said)["flow_run_id"]: "COMPLETED"}
    assert not list((data_root / "runs" / "unreported").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to read"),
        (["--collect.source", "absent.csv"], "no such file or folder"),
        (["--collect.source", "README.md", "--from", "yesterday"], "--collect.since 'yesterday'"),
        (["--preset", "sample"], "unknown preset 'sample'; choose from headlines"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(arguments: list[str], message: str) -> None:
    said = run_here("refresh", *arguments)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert message in said.stderr


def test_a_model_that_cannot_be_used_is_refused_before_anything_is_read(data_root: Path, stream: Path) -> None:
    with pytest.raises(RequestError, match="no label 'bad'"):
        refresh(config(data_root, stream, "refused", detect={"negative": "bad"}))
    with pytest.raises(RequestError, match="absent"):
        refresh(config(data_root, stream, "refused", score={"model": "absent@champion"}))


def test_what_the_model_cannot_read_has_no_share_in_any_index(data_root: Path, tmp_path: Path) -> None:
    source = tmp_path / "posts.csv"
    texts = ["😡", "……", "市场上涨", "The company's profit rose"]
    source.write_text("\n".join(["when,headline", *(f"2020-03-0{day},{text}" for day, text in enumerate(texts, 1))]))
    asked = config(data_root, source, "posts")
    result = refresh(asked)
    assert (result["found"], result["scored"], result["quarantined"]) == (4, 2, 2)
    assert result["reasons"] == {"empty_after_cleaning": 2}
    with MonitorState.read(data_root, "posts") as state:
        days = [(row["day"], row["documents"]) for row in state.counts("all").to_pylist()]
        assert days == [("2020-03-03", 1), ("2020-03-04", 1)]
    again = refresh(asked)
    assert (again["found"], again["duplicates"]) == (4, 4)


def test_topics_and_names_have_series_of_their_own(data_root: Path, stream: Path, tmp_path: Path) -> None:
    names = '[names]\nNokia = ["Nokia", "NOK"]\nTencent = ["Tencent", "腾讯"]\n[patterns]\n"any text" = "[a-z]+"\n'
    (tmp_path / "watch.toml").write_text(names, encoding="utf-8")
    score = {"topics": ["news@champion"], "watch_list": tmp_path / "watch.toml"}
    named = refresh(config(data_root, stream, "named", score=score, detect={"small_window_days": 0}))
    assert named["topics"] == ["news/1"]
    totals: Counter[str] = Counter()
    with MonitorState.read(data_root, "named") as state:
        for row in state.counts().to_pylist():
            totals[row["series"]] += row["documents"]
        told = {series: [(a.window_end, a.facts["count"]) for a in state.alerts() if a.series == series] for series in totals}
    assert told["all"]
    assert told["name:any text"] == told["all"]
    topics = {series: number for series, number in totals.items() if series.startswith("topic:news/")}
    assert topics.keys() == {"topic:news/negative", "topic:news/neutral", "topic:news/positive"}
    assert sum(topics.values()) == totals["all"] == totals["name:any text"] == DAYS * A_DAY
    assert 0 < totals["name:Nokia"] < DAYS * A_DAY
    watch = named["watch_list"]
    assert watch["entries"] == 3
    (missing,) = watch["not_found"]
    assert (missing["entry"], missing["documents"]) == ("Tencent", DAYS * A_DAY)
    mute = named["not_judged"]
    assert "name:Nokia" in {row["series"] for row in mute["series"]} < totals.keys() - {"all", "name:any text"}
    assert mute["series"][0]["reason"] in mute["summary"]
    assert mute["summary"] in monitors(data_root)
    page = Path(named["report"]).read_text()
    assert mute["series"][0]["reason"] in page
    assert "1 of 3 entries of the watch-list were found in no document" in page
    assert [title for title in ("any text", "Nokia", "neutral") if f'"title":"{title}"' not in page] == []


@pytest.mark.long
def test_a_promotion_in_mid_stream_marks_its_day_and_gives_drift_a_new_baseline(
    corpus: Path, data_root: Path, stream: Path
) -> None:
    from flows.train import train
    from tasks.dashboard.content import ModelMark, model_marks
    from tasks.register.models import promote
    from tasks.tracking.tracker import Tracker

    own_days = 20
    last_of_first = FIRST + timedelta(DAYS - own_days - 1)
    detect = {"drift_min_documents": 10}  # the profile of so small a model has no more
    before = refresh(config(data_root, stream, "moved", collect={"until": last_of_first}, detect=detect))
    assert before["model"] == {"name": "news", "version": 1}
    assert {row["documents"] for row in before["drift"]} == {28 * A_DAY}

    sections = {"pretrain": {"enabled": False}, "evaluate": {"bootstrap": 100, "yardstick": False}}
    sections |= {"register": {"evidence": "test"}}
    sections |= {"finetune": {"model": "bag", "epochs": 5, "threads": 1}, "runtime": {"data_root": data_root, "workers": 1}}
    train(PipelineConfig.model_validate({"name": "news", "ingest": {"path": corpus}, **sections}))
    tracker = Tracker.open(None, data_root, CHECKOUT, None)
    try:
        promote(tracker, "news", 2)
    finally:
        tracker.close()
    after = refresh(config(data_root, stream, "moved", detect=detect))
    assert (after["model"]["version"], after["scored"]) == (2, own_days * A_DAY)
    assert after["duplicates"] == (DAYS - own_days) * A_DAY
    # Of the last 28 days only those that the new version has scored alone are compared with its own training data.
    assert {(row["reference"], row["documents"]) for row in after["drift"]} == {("training", own_days * A_DAY)}
    takes_over = str(last_of_first + timedelta(1))
    with MonitorState.read(data_root, "moved") as state:
        assert model_marks(state.models()) == (ModelMark(str(FIRST), "news/1"), ModelMark(takes_over, "news/2"))
        assert state.days_of("news/2")[0] == takes_over
    assert f'"models":[{{"day":"{takes_over}","title":"news/2"}}]' in Path(after["report"]).read_text()


def test_new_documents_that_the_model_cannot_read_are_told_of_until_some_are_scored(
    data_root: Path, corpus: Path, tmp_path: Path
) -> None:
    from flows.watch import silent_sources

    news = tmp_path / "news.csv"
    news.write_text("when,headline\n2020-07-18,股市大跌\n2020-07-18,公司盈利增长\n", encoding="utf-8")
    asked = config(data_root, news, "mute")
    result = refresh(asked)
    assert (result["scored"], result["quarantined"]) == (2, 0)
    assert "no word of 2 new documents" in result["warnings"][0]
    assert refresh(asked)["duplicates"] == 2
    assert ["no word of 2 new documents" in alert.evidence["message"] for alert in silent_sources(asked, 1.6e9)] == [True]
    known = sorted((corpus / "negative").iterdir())[0].read_text().strip().replace(",", "")
    news.write_text(f"when,headline\n2020-07-18,{known}\n", encoding="utf-8")
    assert refresh(asked)["scored"] == 1
    assert silent_sources(asked, 1.6e9) == []
