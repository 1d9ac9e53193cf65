"""The Chinese stream all the way, as data/stream-zh/README.zh-CN.md walks through it: trained, watched, told in Chinese."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.commands.refresh import print_refresh
from flows.commands.settings import resolve, resolve_refresh

CHECKOUT = Path(__file__).resolve().parents[2]
STREAM = CHECKOUT / "data" / "stream-zh"

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def trained(data_root: Path) -> dict[str, Any]:
    from flows.train import train

    words = ["--ingest.path", str(STREAM / "labelled.csv"), "--evaluate.bootstrap", "100", "--evaluate.language", "zh"]
    return train(resolve([*words, *at(data_root)], preset="chinese-headlines"))


@pytest.fixture(scope="module")
def refreshed(trained: dict[str, Any], data_root: Path) -> dict[str, Any]:
    from flows.refresh import refresh

    (data_root / "channels.toml").write_text('[desk]\nkind = "file"\npath = "alerts.jsonl"\n')
    (data_root / "channels.toml").chmod(0o600)
    words = ["--collect.source", str(STREAM / "stream.csv"), "--score.watch-list", str(STREAM / "watch.toml")]
    words += ["--notify.channels", str(data_root / "channels.toml")]
    return refresh(resolve_refresh([*words, *at(data_root)], preset="headlines-zh"))


def at(root: Path) -> tuple[str, ...]:
    return ("--runtime.data-root", str(root), "--runtime.workers", "1")


def test_the_report_of_the_run_is_chinese(trained: dict[str, Any]) -> None:
    page = Path(trained["report"]).read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert {"标签", "混淆矩阵", "可靠性", "运行了什么", "数据", "如何重现"} <= set(headings)
    assert [heading for heading in headings if not re.search("[\u4e00-\u9fff]", heading)] == []
    assert '<nav aria-label="目录">' in page


def test_its_steps_and_the_gate_s_decision_are_told_in_chinese(trained: dict[str, Any]) -> None:
    page = Path(trained["report"]).read_text(encoding="utf-8")
    told = re.findall(r'<th class="step">.*?</th><td.*?</td><td>(.*?)</td><td>', page)
    lines = [text for line in told if (text := re.sub("<[^>]*>", "", line).strip())]
    assert sum("跳过" in line for line in lines) == 2
    assert len(lines) >= 8
    names = {"tfidf", "char", "chinese-headlines", "class_prior"}
    assert {word for line in lines for word in re.findall("[A-Za-z_-]{4,}", line)} <= names
    assert "找到 240 = 保留 240 + 重复 0 + 隔离 0" in page
    assert "决定：首个（还没有现任模型）" in re.sub("<[^>]*>", "", page)
    assert (trained["decision"], trained["reason"]) == ("first", "no champion yet")  # programs read English


def test_the_surge_is_found_and_told_in_chinese(refreshed: dict[str, Any], data_root: Path) -> None:
    assert (refreshed["found"], refreshed["scored"], refreshed["quarantined"]) == (213, 213, 0)
    surging = [alert for alert in refreshed["alerts"] if "2026-03-24" <= alert["window_end"] <= "2026-04-04"]
    assert any(alert["series"] == "name:云杉电子" or alert.get("subject") for alert in surging)
    told = [json.loads(line) for line in (data_root / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert told
    assert all(re.match(r"【(严重|一般)】headlines-zh：.*2026年\d+月\d+日", alert["title"]) for alert in told)
    assert {alert["kind"] for alert in told} <= {"surge", "subject"}


def test_what_is_printed_is_chinese(refreshed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_refresh({**refreshed, "startup_seconds": 0.0}, "zh")
    printed = capsys.readouterr().out
    assert "数据     找到 213 = 打分 213 + 重复 0 + 隔离 0" in printed
    assert "模型     chinese-headlines 版本 1" in printed
    print_refresh({**refreshed, "startup_seconds": 0.0})
    assert "data     found 213 = scored 213 + duplicates 0 + quarantined 0" in capsys.readouterr().out


def test_the_dashboard_is_chinese(refreshed: dict[str, Any]) -> None:
    page = Path(refreshed["report"]).read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "2026年1月5日至2026年4月4日的 213 篇文档" in page
